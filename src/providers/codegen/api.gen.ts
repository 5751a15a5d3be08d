/** Written by npm run api:types from api/codegen.openapi.json: what the API asks for and answers. */
export interface CodegenApi {
  APIRateLimitErrorResponse: {
    message?: string;
    status_code?: number;
  };
  AgentRunLimitReachedErrorResponse: {
    message?: string;
    status_code?: number;
  };
  AgentRunLogResponse: {
    agent_run_id: number;
    created_at?: string | null;
    tool_name?: string | null;
    message_type?: string | null;
    thought?: string | null;
    observation?: Record<string, unknown> | string | null;
    tool_input?: Record<string, unknown> | null;
    tool_output?: Record<string, unknown> | null;
  };
  AgentRunNotFoundErrorResponse: {
    message?: string;
    status_code?: number;
  };
  AgentRunResponse: {
    id: number;
    organization_id: number;
    status?: string | null;
    created_at?: string | null;
    web_url?: string | null;
    result?: string | null;
    summary?: string | null;
    source_type?: CodegenApi['ApiAgentRunSourceType'] | null;
    github_pull_requests?: (CodegenApi['GithubPullRequestResponse'])[] | null;
    metadata?: Record<string, unknown> | null;
  };
  AgentRunWithLogsResponse: {
    id: number;
    organization_id: number;
    status?: string | null;
    created_at?: string | null;
    web_url?: string | null;
    result?: string | null;
    metadata?: Record<string, unknown> | null;
    logs: (CodegenApi['AgentRunLogResponse'])[];
    total_logs?: number | null;
    page?: number | null;
    size?: number | null;
    pages?: number | null;
  };
  AnalyzeLogsResponse: {
    agent_run_id: number;
    status: string;
    message: string;
  };
  ApiAgentRunSourceType: 'LOCAL' | 'SLACK' | 'GITHUB' | 'GITHUB_CHECK_SUITE' | 'GITHUB_PR_REVIEW' | 'LINEAR' | 'API' | 'CHAT' | 'JIRA' | 'CLICKUP' | 'MONDAY' | 'SETUP_COMMANDS';
  CLIRulesResponse: {
    organization_rules: string | null;
    user_custom_prompt: string | null;
  };
  CheckSuiteSettingsRequest: {
    check_retry_count?: number | null;
    ignored_checks?: (string)[] | null;
    check_retry_counts?: Record<string, number> | null;
    custom_prompts?: Record<string, string> | null;
    high_priority_apps?: (string)[] | null;
  };
  CheckSuiteSettingsResponse: {
    check_retry_count: number;
    ignored_checks: (string)[];
    check_retry_counts: Record<string, number>;
    custom_prompts: Record<string, string>;
    high_priority_apps: (string)[];
    available_check_suite_names: (string)[];
  };
  CreateAgentRunInput: {
    prompt: string;
    images?: (string)[] | null;
    metadata?: Record<string, unknown> | null;
    repo_id?: number | null;
    model?: string | null;
    agent_type?: 'codegen' | 'claude_code' | null;
  };
  EditPRInput: {
    state: 'open' | 'closed' | 'draft' | 'ready_for_review';
  };
  EditPRResponse: {
    success: boolean;
    url?: string | null;
    number?: number | null;
    title?: string | null;
    state?: string | null;
    error?: string | null;
  };
  GenerateSetupCommandsInput: {
    repo_id: number;
    prompt?: string | null;
    trigger_source?: string;
  };
  GenerateTokenRequest: {
    org_id: number;
  };
  GenerateTokenResponse: {
    token: string;
    message: string;
    expires_in_minutes: number;
  };
  GithubPullRequestResponse: {
    id: number;
    title?: string | null;
    url?: string | null;
    created_at: string;
    head_branch_name?: string | null;
  };
  HTTPValidationError: {
    detail?: (CodegenApi['ValidationError'])[];
  };
  IntegrationStatus: {
    integration_type: string;
    active: boolean;
    token_id?: number | null;
    installation_id?: number | null;
    metadata?: Record<string, unknown> | null;
  };
  NoReposFoundInOrgErrorResponse: {
    message?: string;
    status_code?: number;
  };
  OAuthProviderResponse: {
    id: number;
    name: string;
    issuer: string;
    authorization_endpoint: string;
    token_endpoint: string;
    default_scopes: (string)[] | null;
    is_mcp: boolean;
    meta?: Record<string, unknown> | null;
  };
  OrganizationIntegrationsResponse: {
    organization_id: number;
    organization_name: string;
    integrations: (CodegenApi['IntegrationStatus'])[];
    total_active_integrations: number;
  };
  OrganizationResponse: {
    id: number;
    name: string;
    settings: CodegenApi['OrganizationSettings'];
  };
  OrganizationSettings: {
    enable_pr_creation?: boolean;
    enable_rules_detection?: boolean;
  };
  Page_AgentRunResponse_: {
    items: (CodegenApi['AgentRunResponse'])[];
    total: number;
    page: number;
    size: number;
    pages: number;
  };
  Page_OrganizationResponse_: {
    items: (CodegenApi['OrganizationResponse'])[];
    total: number;
    page: number;
    size: number;
    pages: number;
  };
  Page_RepoResponse_: {
    items: (CodegenApi['RepoResponse'])[];
    total: number;
    page: number;
    size: number;
    pages: number;
  };
  Page_UserResponse_: {
    items: (CodegenApi['UserResponse'])[];
    total: number;
    page: number;
    size: number;
    pages: number;
  };
  PermissionsErrorResponse: {
    message?: string;
    status_code?: number;
  };
  RepoResponse: {
    id: number;
    name: string;
    full_name: string;
    description: string | null;
    github_id: string;
    organization_id: number;
    visibility: string | null;
    archived: boolean | null;
    setup_status: string;
    language: string | null;
  };
  ResumeAgentRunInput: {
    agent_run_id: number;
    prompt: string;
    images?: (string)[] | null;
  };
  SetupCommandsResponse: {
    agent_run_id: number;
    status: string;
    url: string;
  };
  StopAgentRunInput: {
    agent_run_id: number;
    before_card_order_id?: string | null;
    after_card_order_id?: string | null;
  };
  UserNotFoundErrorResponse: {
    message?: string;
    status_code?: number;
  };
  UserResponse: {
    id: number;
    email?: string | null;
    github_user_id: string;
    github_username: string;
    avatar_url?: string | null;
    full_name?: string | null;
    role?: string | null;
    is_admin?: boolean | null;
  };
  ValidationError: {
    loc: (string | number)[];
    msg: string;
    type: string;
  };
}
