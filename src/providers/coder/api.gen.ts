/** Written by npm run api:types from api/coder.swagger.json: what the API asks for and answers. */
export interface CoderApi {
  'codersdk.AgentSubsystem': 'envbox' | 'envbuilder' | 'exectrace';
  'codersdk.AutomaticUpdates': 'always' | 'never';
  'codersdk.BuildInfoResponse': {
    agent_api_version?: string;
    dashboard_url?: string;
    deployment_id?: string;
    external_url?: string;
    provisioner_api_version?: string;
    telemetry?: boolean;
    upgrade_message?: string;
    version?: string;
    webpush_public_key?: string;
    workspace_proxy?: boolean;
  };
  'codersdk.BuildReason': 'initiator' | 'autostart' | 'autostop' | 'dormancy' | 'dashboard' | 'cli' | 'ssh_connection' | 'vscode_connection' | 'jetbrains_connection' | 'task_auto_pause' | 'task_manual_pause' | 'task_resume';
  'codersdk.CORSBehavior': 'simple' | 'passthru';
  'codersdk.Chat': {
    agent_id?: string;
    archived?: boolean;
    build_id?: string;
    children?: (CoderApi['codersdk.Chat'])[];
    client_type?: CoderApi['codersdk.ChatClientType'];
    context?: CoderApi['codersdk.ChatContext'];
    created_at?: string;
    diff_status?: CoderApi['codersdk.ChatDiffStatus'];
    files?: (CoderApi['codersdk.ChatFileMetadata'])[];
    has_unread?: boolean;
    id?: string;
    labels?: Record<string, string>;
    last_error?: CoderApi['codersdk.ChatError'];
    last_model_config_id?: string;
    last_turn_summary?: string;
    mcp_server_ids?: (string)[];
    organization_id?: string;
    owner_id?: string;
    owner_name?: string;
    owner_username?: string;
    parent_chat_id?: string;
    pin_order?: number;
    plan_mode?: CoderApi['codersdk.ChatPlanMode'];
    root_chat_id?: string;
    shared?: boolean;
    status?: CoderApi['codersdk.ChatStatus'];
    title?: string;
    updated_at?: string;
    warnings?: (string)[];
    workspace_id?: string;
  };
  'codersdk.ChatACL': {
    groups?: (CoderApi['codersdk.ChatGroup'])[];
    users?: (CoderApi['codersdk.ChatUser'])[];
  };
  'codersdk.ChatBusyBehavior': 'queue' | 'interrupt';
  'codersdk.ChatClientType': 'ui' | 'api';
  'codersdk.ChatContext': {
    dirty?: boolean;
    dirty_since?: string;
    error?: string;
    resources?: (CoderApi['codersdk.ChatContextResource'])[];
  };
  'codersdk.ChatContextResource': {
    error?: string;
    kind?: CoderApi['codersdk.ChatContextResourceKind'];
    size_bytes?: number;
    skill_description?: string;
    skill_name?: string;
    source?: string;
    status?: CoderApi['codersdk.ChatContextResourceStatus'];
    tools?: (CoderApi['codersdk.ChatContextTool'])[];
  };
  'codersdk.ChatContextResourceKind': 'instruction_file' | 'skill' | 'mcp_config' | 'mcp_server';
  'codersdk.ChatContextResourceStatus': 'ok' | 'oversize' | 'unreadable' | 'invalid' | 'excluded';
  'codersdk.ChatContextTool': {
    description?: string;
    name?: string;
  };
  'codersdk.ChatDiffContents': {
    branch?: string;
    chat_id?: string;
    diff?: string;
    provider?: string;
    pull_request_url?: string;
    remote_origin?: string;
  };
  'codersdk.ChatDiffStatus': {
    additions?: number;
    approved?: boolean;
    author_avatar_url?: string;
    author_login?: string;
    base_branch?: string;
    changed_files?: number;
    changes_requested?: boolean;
    chat_id?: string;
    commits?: number;
    deletions?: number;
    head_branch?: string;
    pr_number?: number;
    pull_request_draft?: boolean;
    pull_request_state?: string;
    pull_request_title?: string;
    refreshed_at?: string;
    reviewer_count?: number;
    stale_at?: string;
    url?: string;
  };
  'codersdk.ChatError': {
    detail?: string;
    kind?: CoderApi['codersdk.ChatErrorKind'];
    message?: string;
    provider?: string;
    retryable?: boolean;
    status_code?: number;
  };
  'codersdk.ChatErrorKind': 'generic' | 'overloaded' | 'rate_limit' | 'timeout' | 'stream_silence_timeout' | 'auth' | 'config' | 'usage_limit' | 'missing_key' | 'provider_disabled';
  'codersdk.ChatFileMetadata': {
    created_at?: string;
    id?: string;
    mime_type?: string;
    name?: string;
    organization_id?: string;
    owner_id?: string;
  };
  'codersdk.ChatGroup': {
    avatar_url?: string;
    display_name?: string;
    id?: string;
    members?: (CoderApi['codersdk.ReducedUser'])[];
    name?: string;
    organization_display_name?: string;
    organization_id?: string;
    organization_name?: string;
    quota_allowance?: number;
    role?: 'read';
    source?: CoderApi['codersdk.GroupSource'];
    total_member_count?: number;
  };
  'codersdk.ChatInputPart': {
    content?: string;
    end_line?: number;
    file_id?: string;
    file_name?: string;
    start_line?: number;
    text?: string;
    type?: CoderApi['codersdk.ChatInputPartType'];
  };
  'codersdk.ChatInputPartType': 'text' | 'file' | 'file-reference';
  'codersdk.ChatMessage': {
    chat_id?: string;
    content?: (CoderApi['codersdk.ChatMessagePart'])[];
    created_at?: string;
    created_by?: string;
    id?: number;
    model_config_id?: string;
    role?: CoderApi['codersdk.ChatMessageRole'];
    usage?: CoderApi['codersdk.ChatMessageUsage'];
  };
  'codersdk.ChatMessagePart': {
    args?: (number)[];
    args_delta?: string;
    completed_at?: string;
    content?: string;
    context_file_agent_id?: CoderApi['uuid.NullUUID'];
    context_file_content?: string;
    context_file_directory?: string;
    context_file_os?: string;
    context_file_path?: string;
    context_file_skill_meta_file?: string;
    context_file_truncated?: boolean;
    created_at?: string;
    data?: (number)[];
    end_line?: number;
    file_id?: CoderApi['uuid.NullUUID'];
    file_name?: string;
    is_error?: boolean;
    is_media?: boolean;
    mcp_server_config_id?: CoderApi['uuid.NullUUID'];
    media_type?: string;
    name?: string;
    parsed_commands?: ((string)[])[];
    provider_executed?: boolean;
    provider_metadata?: (number)[];
    result?: (number)[];
    result_delta?: string;
    result_reset?: boolean;
    signature?: string;
    skill_description?: string;
    skill_dir?: string;
    skill_name?: string;
    source_id?: string;
    start_line?: number;
    text?: string;
    title?: string;
    tool_call_id?: string;
    tool_name?: string;
    type?: CoderApi['codersdk.ChatMessagePartType'];
    url?: string;
  };
  'codersdk.ChatMessagePartType': 'text' | 'reasoning' | 'tool-call' | 'tool-result' | 'source' | 'file' | 'file-reference' | 'context-file' | 'skill';
  'codersdk.ChatMessageRole': 'system' | 'user' | 'assistant' | 'tool';
  'codersdk.ChatMessageUsage': {
    cache_creation_tokens?: number;
    cache_read_tokens?: number;
    context_limit?: number;
    input_tokens?: number;
    output_tokens?: number;
    reasoning_tokens?: number;
    total_tokens?: number;
  };
  'codersdk.ChatMessagesResponse': {
    has_more?: boolean;
    messages?: (CoderApi['codersdk.ChatMessage'])[];
    queued_messages?: (CoderApi['codersdk.ChatQueuedMessage'])[];
  };
  'codersdk.ChatModel': {
    display_name?: string;
    id?: string;
    model?: string;
    provider?: string;
  };
  'codersdk.ChatModelProvider': {
    available?: boolean;
    models?: (CoderApi['codersdk.ChatModel'])[];
    provider?: string;
    unavailable_reason?: CoderApi['codersdk.ChatModelProviderUnavailableReason'];
  };
  'codersdk.ChatModelProviderUnavailableReason': 'missing_api_key' | 'fetch_failed' | 'user_api_key_required';
  'codersdk.ChatModelsResponse': {
    providers?: (CoderApi['codersdk.ChatModelProvider'])[];
  };
  'codersdk.ChatPlanMode': 'plan';
  'codersdk.ChatPrompt': {
    id?: number;
    text?: string;
  };
  'codersdk.ChatPromptsResponse': {
    prompts?: (CoderApi['codersdk.ChatPrompt'])[];
  };
  'codersdk.ChatQueuedMessage': {
    chat_id?: string;
    content?: (CoderApi['codersdk.ChatMessagePart'])[];
    created_at?: string;
    id?: number;
    model_config_id?: string;
  };
  'codersdk.ChatRetentionDaysResponse': {
    retention_days?: number;
  };
  'codersdk.ChatRole': 'read' | '';
  'codersdk.ChatStatus': 'waiting' | 'pending' | 'running' | 'paused' | 'completed' | 'error' | 'requires_action' | 'interrupting';
  'codersdk.ChatStreamActionRequired': {
    tool_calls?: (CoderApi['codersdk.ChatStreamToolCall'])[];
  };
  'codersdk.ChatStreamEvent': {
    action_required?: CoderApi['codersdk.ChatStreamActionRequired'];
    chat_id?: string;
    error?: CoderApi['codersdk.ChatError'];
    message?: CoderApi['codersdk.ChatMessage'];
    message_part?: CoderApi['codersdk.ChatStreamMessagePart'];
    queued_messages?: (CoderApi['codersdk.ChatQueuedMessage'])[];
    retry?: CoderApi['codersdk.ChatStreamRetry'];
    status?: CoderApi['codersdk.ChatStreamStatus'];
    type?: CoderApi['codersdk.ChatStreamEventType'];
  };
  'codersdk.ChatStreamEventType': 'message_part' | 'message' | 'status' | 'error' | 'queue_update' | 'retry' | 'action_required' | 'preview_reset' | 'history_reset';
  'codersdk.ChatStreamMessagePart': {
    generation_attempt?: number;
    history_version?: number;
    part?: CoderApi['codersdk.ChatMessagePart'];
    role?: CoderApi['codersdk.ChatMessageRole'];
    seq?: number;
  };
  'codersdk.ChatStreamRetry': {
    attempt?: number;
    delay_ms?: number;
    error?: string;
    kind?: CoderApi['codersdk.ChatErrorKind'];
    provider?: string;
    retrying_at?: string;
    status_code?: number;
  };
  'codersdk.ChatStreamStatus': {
    status?: CoderApi['codersdk.ChatStatus'];
  };
  'codersdk.ChatStreamToolCall': {
    args?: string;
    tool_call_id?: string;
    tool_name?: string;
  };
  'codersdk.ChatUser': {
    avatar_url?: string;
    id: string;
    name?: string;
    role?: 'read';
    username: string;
  };
  'codersdk.ChatWatchEvent': {
    chat?: CoderApi['codersdk.Chat'];
    kind?: CoderApi['codersdk.ChatWatchEventKind'];
    tool_calls?: (CoderApi['codersdk.ChatStreamToolCall'])[];
  };
  'codersdk.ChatWatchEventKind': 'status_change' | 'summary_change' | 'title_change' | 'created' | 'deleted' | 'diff_status_change' | 'action_required' | 'context_dirty';
  'codersdk.CreateChatMessageRequest': {
    busy_behavior?: 'queue' | 'interrupt';
    content?: (CoderApi['codersdk.ChatInputPart'])[];
    mcp_server_ids?: (string)[];
    model_config_id?: string;
    plan_mode?: CoderApi['codersdk.ChatPlanMode'];
  };
  'codersdk.CreateChatMessageResponse': {
    message?: CoderApi['codersdk.ChatMessage'];
    queued?: boolean;
    queued_message?: CoderApi['codersdk.ChatQueuedMessage'];
    warnings?: (string)[];
  };
  'codersdk.CreateChatRequest': {
    client_type?: CoderApi['codersdk.ChatClientType'];
    content?: (CoderApi['codersdk.ChatInputPart'])[];
    labels?: Record<string, string>;
    mcp_server_ids?: (string)[];
    model_config_id?: string;
    organization_id?: string;
    plan_mode?: CoderApi['codersdk.ChatPlanMode'];
    system_prompt?: string;
    unsafe_dynamic_tools?: (CoderApi['codersdk.DynamicTool'])[];
    workspace_id?: string;
  };
  'codersdk.CreateTaskRequest': {
    display_name?: string;
    input?: string;
    name?: string;
    template_version_id?: string;
    template_version_preset_id?: string;
  };
  'codersdk.CreateTemplateRequest': {
    activity_bump_ms?: number;
    allow_user_autostart?: boolean;
    allow_user_autostop?: boolean;
    allow_user_cancel_workspace_jobs?: boolean;
    autostart_requirement?: CoderApi['codersdk.TemplateAutostartRequirement'];
    autostop_requirement?: CoderApi['codersdk.TemplateAutostopRequirement'];
    cors_behavior?: CoderApi['codersdk.CORSBehavior'];
    default_ttl_ms?: number;
    delete_ttl_ms?: number;
    description?: string;
    disable_everyone_group_access?: boolean;
    display_name?: string;
    dormant_ttl_ms?: number;
    failure_ttl_ms?: number;
    icon?: string;
    max_port_share_level?: CoderApi['codersdk.WorkspaceAgentPortShareLevel'];
    name: string;
    require_active_version?: boolean;
    template_use_classic_parameter_flow?: boolean;
    template_version_id: string;
    time_til_autostop_notify_ms?: number;
  };
  'codersdk.CreateUserRequestWithOrgs': {
    email?: string;
    login_type?: CoderApi['codersdk.LoginType'];
    name?: string;
    organization_ids?: (string)[];
    password?: string;
    roles?: (string)[];
    service_account?: boolean;
    user_status?: CoderApi['codersdk.UserStatus'];
    username: string;
  };
  'codersdk.CreateWorkspaceBuildReason': 'dashboard' | 'cli' | 'ssh_connection' | 'vscode_connection' | 'jetbrains_connection' | 'task_manual_pause' | 'task_resume';
  'codersdk.CreateWorkspaceBuildRequest': {
    dry_run?: boolean;
    log_level?: 'debug';
    orphan?: boolean;
    reason?: 'dashboard' | 'cli' | 'ssh_connection' | 'vscode_connection' | 'jetbrains_connection' | 'task_manual_pause';
    rich_parameter_values?: (CoderApi['codersdk.WorkspaceBuildParameter'])[];
    state?: (number)[];
    template_version_id?: string;
    template_version_preset_id?: string;
    transition: 'start' | 'stop' | 'delete';
  };
  'codersdk.CreateWorkspaceRequest': {
    automatic_updates?: CoderApi['codersdk.AutomaticUpdates'];
    autostart_schedule?: string;
    name: string;
    rich_parameter_values?: (CoderApi['codersdk.WorkspaceBuildParameter'])[];
    template_id?: string;
    template_version_id?: string;
    template_version_preset_id?: string;
    ttl_ms?: number;
  };
  'codersdk.DERPRegion': {
    latency_ms?: number;
    preferred?: boolean;
  };
  'codersdk.DisplayApp': 'vscode' | 'vscode_insiders' | 'web_terminal' | 'port_forwarding_helper' | 'ssh_helper';
  'codersdk.DynamicTool': {
    description?: string;
    input_schema?: (number)[];
    name?: string;
  };
  'codersdk.EditChatMessageRequest': {
    content?: (CoderApi['codersdk.ChatInputPart'])[];
    model_config_id?: string;
  };
  'codersdk.EditChatMessageResponse': {
    message?: CoderApi['codersdk.ChatMessage'];
    warnings?: (string)[];
  };
  'codersdk.GetUsersResponse': {
    count?: number;
    users?: (CoderApi['codersdk.User'])[];
  };
  'codersdk.GroupSource': 'user' | 'oidc';
  'codersdk.Healthcheck': {
    interval?: number;
    threshold?: number;
    url?: string;
  };
  'codersdk.JobErrorCode': 'REQUIRED_TEMPLATE_VARIABLES' | 'INSUFFICIENT_QUOTA';
  'codersdk.LogLevel': 'trace' | 'debug' | 'info' | 'warn' | 'error';
  'codersdk.LogSource': 'provisioner_daemon' | 'provisioner';
  'codersdk.LoginType': '' | 'password' | 'github' | 'oidc' | 'token' | 'none';
  'codersdk.MatchedProvisioners': {
    available?: number;
    count?: number;
    most_recently_seen?: string;
  };
  'codersdk.PauseTaskResponse': {
    workspace_build?: CoderApi['codersdk.WorkspaceBuild'];
  };
  'codersdk.ProvisionerJob': {
    available_workers?: (string)[];
    canceled_at?: string;
    completed_at?: string;
    created_at?: string;
    error?: string;
    error_code?: 'REQUIRED_TEMPLATE_VARIABLES' | 'INSUFFICIENT_QUOTA';
    file_id?: string;
    id?: string;
    initiator_id?: string;
    input?: CoderApi['codersdk.ProvisionerJobInput'];
    logs_overflowed?: boolean;
    metadata?: CoderApi['codersdk.ProvisionerJobMetadata'];
    organization_id?: string;
    queue_position?: number;
    queue_size?: number;
    started_at?: string;
    status?: 'pending' | 'running' | 'succeeded' | 'canceling' | 'canceled' | 'failed';
    tags?: Record<string, string>;
    type?: CoderApi['codersdk.ProvisionerJobType'];
    worker_id?: string;
    worker_name?: string;
  };
  'codersdk.ProvisionerJobInput': {
    error?: string;
    template_version_id?: string;
    workspace_build_id?: string;
  };
  'codersdk.ProvisionerJobLog': {
    created_at?: string;
    id?: number;
    log_level?: 'trace' | 'debug' | 'info' | 'warn' | 'error';
    log_source?: CoderApi['codersdk.LogSource'];
    output?: string;
    stage?: string;
  };
  'codersdk.ProvisionerJobMetadata': {
    template_display_name?: string;
    template_icon?: string;
    template_id?: string;
    template_name?: string;
    template_version_name?: string;
    workspace_build_transition?: CoderApi['codersdk.WorkspaceTransition'];
    workspace_id?: string;
    workspace_name?: string;
  };
  'codersdk.ProvisionerJobStatus': 'pending' | 'running' | 'succeeded' | 'canceling' | 'canceled' | 'failed' | 'unknown';
  'codersdk.ProvisionerJobType': 'template_version_import' | 'workspace_build' | 'template_version_dry_run';
  'codersdk.ProvisionerLogLevel': 'debug';
  'codersdk.ReducedUser': {
    avatar_url?: string;
    created_at: string;
    email: string;
    id: string;
    is_service_account?: boolean;
    last_seen_at?: string;
    login_type?: CoderApi['codersdk.LoginType'];
    name?: string;
    status?: 'active' | 'suspended';
    theme_preference?: string;
    updated_at?: string;
    username: string;
  };
  'codersdk.Response': {
    detail?: string;
    message?: string;
    validations?: (CoderApi['codersdk.ValidationError'])[];
  };
  'codersdk.ResumeTaskResponse': {
    workspace_build?: CoderApi['codersdk.WorkspaceBuild'];
  };
  'codersdk.SharedWorkspaceActor': {
    actor_type?: 'group' | 'user';
    avatar_url?: string;
    id?: string;
    name?: string;
    roles?: (CoderApi['codersdk.WorkspaceRole'])[];
  };
  'codersdk.SharedWorkspaceActorType': 'group' | 'user';
  'codersdk.SlimRole': {
    display_name?: string;
    name?: string;
    organization_id?: string;
  };
  'codersdk.Task': {
    created_at?: string;
    current_state?: CoderApi['codersdk.TaskStateEntry'];
    display_name?: string;
    id?: string;
    initial_prompt?: string;
    name?: string;
    organization_id?: string;
    owner_avatar_url?: string;
    owner_id?: string;
    owner_name?: string;
    status?: 'pending' | 'initializing' | 'active' | 'paused' | 'unknown' | 'error';
    template_display_name?: string;
    template_icon?: string;
    template_id?: string;
    template_name?: string;
    template_version_id?: string;
    updated_at?: string;
    workspace_agent_health?: CoderApi['codersdk.WorkspaceAgentHealth'];
    workspace_agent_id?: CoderApi['uuid.NullUUID'];
    workspace_agent_lifecycle?: CoderApi['codersdk.WorkspaceAgentLifecycle'];
    workspace_app_id?: CoderApi['uuid.NullUUID'];
    workspace_build_number?: number;
    workspace_id?: CoderApi['uuid.NullUUID'];
    workspace_name?: string;
    workspace_status?: 'pending' | 'starting' | 'running' | 'stopping' | 'stopped' | 'failed' | 'canceling' | 'canceled' | 'deleting' | 'deleted';
  };
  'codersdk.TaskLogEntry': {
    content?: string;
    id?: number;
    time?: string;
    type?: CoderApi['codersdk.TaskLogType'];
  };
  'codersdk.TaskLogType': 'input' | 'output';
  'codersdk.TaskLogsResponse': {
    logs?: (CoderApi['codersdk.TaskLogEntry'])[];
    snapshot?: boolean;
    snapshot_at?: string;
  };
  'codersdk.TaskSendRequest': {
    input?: string;
  };
  'codersdk.TaskState': 'working' | 'idle' | 'complete' | 'failed';
  'codersdk.TaskStateEntry': {
    message?: string;
    state?: CoderApi['codersdk.TaskState'];
    timestamp?: string;
    uri?: string;
  };
  'codersdk.TaskStatus': 'pending' | 'initializing' | 'active' | 'paused' | 'unknown' | 'error';
  'codersdk.TasksListResponse': {
    count?: number;
    tasks?: (CoderApi['codersdk.Task'])[];
  };
  'codersdk.Template': {
    active_user_count?: number;
    active_version_id?: string;
    activity_bump_ms?: number;
    allow_user_autostart?: boolean;
    allow_user_autostop?: boolean;
    allow_user_cancel_workspace_jobs?: boolean;
    autostart_requirement?: CoderApi['codersdk.TemplateAutostartRequirement'];
    autostop_requirement?: CoderApi['codersdk.TemplateAutostopRequirement'];
    build_time_stats?: CoderApi['codersdk.TemplateBuildTimeStats'];
    cors_behavior?: CoderApi['codersdk.CORSBehavior'];
    created_at?: string;
    created_by_id?: string;
    created_by_name?: string;
    default_ttl_ms?: number;
    deleted?: boolean;
    deprecated?: boolean;
    deprecation_message?: string;
    description?: string;
    disable_module_cache?: boolean;
    display_name?: string;
    failure_ttl_ms?: number;
    icon?: string;
    id?: string;
    max_port_share_level?: CoderApi['codersdk.WorkspaceAgentPortShareLevel'];
    name?: string;
    organization_display_name?: string;
    organization_icon?: string;
    organization_id?: string;
    organization_name?: string;
    provisioner?: 'terraform';
    require_active_version?: boolean;
    time_til_autostop_notify_ms?: number;
    time_til_dormant_autodelete_ms?: number;
    time_til_dormant_ms?: number;
    updated_at?: string;
    use_classic_parameter_flow?: boolean;
  };
  'codersdk.TemplateAutostartRequirement': {
    days_of_week?: ('monday' | 'tuesday' | 'wednesday' | 'thursday' | 'friday' | 'saturday' | 'sunday')[];
  };
  'codersdk.TemplateAutostopRequirement': {
    days_of_week?: ('monday' | 'tuesday' | 'wednesday' | 'thursday' | 'friday' | 'saturday' | 'sunday')[];
    weeks?: number;
  };
  'codersdk.TemplateBuildTimeStats': Record<string, CoderApi['codersdk.TransitionStats']>;
  'codersdk.TransitionStats': {
    p50?: number;
    p95?: number;
  };
  'codersdk.UpdateChatACL': {
    group_roles?: Record<string, CoderApi['codersdk.ChatRole']>;
    user_roles?: Record<string, CoderApi['codersdk.ChatRole']>;
  };
  'codersdk.UpdateChatRequest': {
    archived?: boolean;
    labels?: Record<string, string>;
    pin_order?: number;
    plan_mode?: CoderApi['codersdk.ChatPlanMode'];
    title?: string;
    workspace_id?: string;
  };
  'codersdk.UpdateChatRetentionDaysRequest': {
    retention_days?: number;
  };
  'codersdk.UpdateTaskInputRequest': {
    input?: string;
  };
  'codersdk.UpdateWorkspaceRequest': {
    name?: string;
  };
  'codersdk.UploadChatFileResponse': {
    id?: string;
  };
  'codersdk.User': {
    avatar_url?: string;
    created_at: string;
    email: string;
    has_ai_seat?: boolean;
    id: string;
    is_service_account?: boolean;
    last_seen_at?: string;
    login_type?: CoderApi['codersdk.LoginType'];
    name?: string;
    organization_ids?: (string)[];
    roles?: (CoderApi['codersdk.SlimRole'])[];
    status?: 'active' | 'suspended';
    theme_preference?: string;
    updated_at?: string;
    username: string;
  };
  'codersdk.UserStatus': 'active' | 'dormant' | 'suspended';
  'codersdk.ValidationError': {
    detail: string;
    field: string;
  };
  'codersdk.Workspace': {
    allow_renames?: boolean;
    automatic_updates?: 'always' | 'never';
    autostart_schedule?: string;
    created_at?: string;
    deleting_at?: string;
    dormant_at?: string;
    favorite?: boolean;
    health?: CoderApi['codersdk.WorkspaceHealth'];
    id?: string;
    is_prebuild?: boolean;
    last_used_at?: string;
    latest_app_status?: CoderApi['codersdk.WorkspaceAppStatus'];
    latest_build?: CoderApi['codersdk.WorkspaceBuild'];
    name?: string;
    next_start_at?: string;
    organization_id?: string;
    organization_name?: string;
    outdated?: boolean;
    owner_avatar_url?: string;
    owner_id?: string;
    owner_name?: string;
    shared_with?: (CoderApi['codersdk.SharedWorkspaceActor'])[];
    task_id?: CoderApi['uuid.NullUUID'];
    template_active_version_id?: string;
    template_allow_user_cancel_workspace_jobs?: boolean;
    template_display_name?: string;
    template_icon?: string;
    template_id?: string;
    template_name?: string;
    template_require_active_version?: boolean;
    template_use_classic_parameter_flow?: boolean;
    ttl_ms?: number;
    updated_at?: string;
  };
  'codersdk.WorkspaceAgent': {
    api_version?: string;
    apps?: (CoderApi['codersdk.WorkspaceApp'])[];
    architecture?: string;
    connection_timeout_seconds?: number;
    created_at?: string;
    directory?: string;
    disconnected_at?: string;
    display_apps?: (CoderApi['codersdk.DisplayApp'])[];
    environment_variables?: Record<string, string>;
    expanded_directory?: string;
    first_connected_at?: string;
    health?: CoderApi['codersdk.WorkspaceAgentHealth'];
    id?: string;
    instance_id?: string;
    last_connected_at?: string;
    latency?: Record<string, CoderApi['codersdk.DERPRegion']>;
    lifecycle_state?: CoderApi['codersdk.WorkspaceAgentLifecycle'];
    log_sources?: (CoderApi['codersdk.WorkspaceAgentLogSource'])[];
    logs_length?: number;
    logs_overflowed?: boolean;
    name?: string;
    operating_system?: string;
    parent_id?: CoderApi['uuid.NullUUID'];
    ready_at?: string;
    resource_id?: string;
    scripts?: (CoderApi['codersdk.WorkspaceAgentScript'])[];
    started_at?: string;
    startup_script_behavior?: CoderApi['codersdk.WorkspaceAgentStartupScriptBehavior'];
    status?: CoderApi['codersdk.WorkspaceAgentStatus'];
    subsystems?: (CoderApi['codersdk.AgentSubsystem'])[];
    troubleshooting_url?: string;
    updated_at?: string;
    version?: string;
  };
  'codersdk.WorkspaceAgentGitServerMessage': {
    message?: string;
    repositories?: (CoderApi['codersdk.WorkspaceAgentRepoChanges'])[];
    scanned_at?: string;
    type?: CoderApi['codersdk.WorkspaceAgentGitServerMessageType'];
  };
  'codersdk.WorkspaceAgentGitServerMessageType': 'changes' | 'error';
  'codersdk.WorkspaceAgentHealth': {
    healthy?: boolean;
    reason?: string;
  };
  'codersdk.WorkspaceAgentLifecycle': 'created' | 'starting' | 'start_timeout' | 'start_error' | 'ready' | 'shutting_down' | 'shutdown_timeout' | 'shutdown_error' | 'off';
  'codersdk.WorkspaceAgentLog': {
    created_at?: string;
    id?: number;
    level?: CoderApi['codersdk.LogLevel'];
    output?: string;
    source_id?: string;
  };
  'codersdk.WorkspaceAgentLogSource': {
    created_at?: string;
    display_name?: string;
    icon?: string;
    id?: string;
    workspace_agent_id?: string;
  };
  'codersdk.WorkspaceAgentPortShareLevel': 'owner' | 'authenticated' | 'organization' | 'public';
  'codersdk.WorkspaceAgentRepoChanges': {
    branch?: string;
    remote_origin?: string;
    removed?: boolean;
    repo_root?: string;
    unified_diff?: string;
  };
  'codersdk.WorkspaceAgentScript': {
    cron?: string;
    display_name?: string;
    exit_code?: number;
    id?: string;
    log_path?: string;
    log_source_id?: string;
    run_on_start?: boolean;
    run_on_stop?: boolean;
    script?: string;
    start_blocks_login?: boolean;
    status?: CoderApi['codersdk.WorkspaceAgentScriptStatus'];
    timeout?: number;
  };
  'codersdk.WorkspaceAgentScriptStatus': 'ok' | 'exit_failure' | 'timed_out' | 'pipes_left_open';
  'codersdk.WorkspaceAgentStartupScriptBehavior': 'blocking' | 'non-blocking';
  'codersdk.WorkspaceAgentStatus': 'connecting' | 'connected' | 'disconnected' | 'timeout';
  'codersdk.WorkspaceApp': {
    command?: string;
    display_name?: string;
    external?: boolean;
    group?: string;
    health?: CoderApi['codersdk.WorkspaceAppHealth'];
    healthcheck?: CoderApi['codersdk.Healthcheck'];
    hidden?: boolean;
    icon?: string;
    id?: string;
    open_in?: CoderApi['codersdk.WorkspaceAppOpenIn'];
    sharing_level?: 'owner' | 'authenticated' | 'organization' | 'public';
    slug?: string;
    statuses?: (CoderApi['codersdk.WorkspaceAppStatus'])[];
    subdomain?: boolean;
    subdomain_name?: string;
    tooltip?: string;
    url?: string;
  };
  'codersdk.WorkspaceAppHealth': 'disabled' | 'initializing' | 'healthy' | 'unhealthy';
  'codersdk.WorkspaceAppOpenIn': 'slim-window' | 'tab';
  'codersdk.WorkspaceAppSharingLevel': 'owner' | 'authenticated' | 'organization' | 'public';
  'codersdk.WorkspaceAppStatus': {
    agent_id?: string;
    app_id?: string;
    created_at?: string;
    icon?: string;
    id?: string;
    message?: string;
    needs_user_attention?: boolean;
    state?: CoderApi['codersdk.WorkspaceAppStatusState'];
    uri?: string;
    workspace_id?: string;
  };
  'codersdk.WorkspaceAppStatusState': 'working' | 'idle' | 'complete' | 'failure';
  'codersdk.WorkspaceBuild': {
    build_number?: number;
    created_at?: string;
    daily_cost?: number;
    deadline?: string;
    has_ai_task?: boolean;
    has_external_agent?: boolean;
    id?: string;
    initiator_id?: string;
    initiator_name?: string;
    job?: CoderApi['codersdk.ProvisionerJob'];
    matched_provisioners?: CoderApi['codersdk.MatchedProvisioners'];
    max_deadline?: string;
    reason?: 'initiator' | 'autostart' | 'autostop';
    resources?: (CoderApi['codersdk.WorkspaceResource'])[];
    status?: 'pending' | 'starting' | 'running' | 'stopping' | 'stopped' | 'failed' | 'canceling' | 'canceled' | 'deleting' | 'deleted';
    template_version_id?: string;
    template_version_name?: string;
    template_version_preset_id?: string;
    transition?: 'start' | 'stop' | 'delete';
    updated_at?: string;
    workspace_id?: string;
    workspace_name?: string;
    workspace_owner_avatar_url?: string;
    workspace_owner_id?: string;
    workspace_owner_name?: string;
  };
  'codersdk.WorkspaceBuildParameter': {
    name?: string;
    value?: string;
  };
  'codersdk.WorkspaceHealth': {
    failing_agents?: (string)[];
    healthy?: boolean;
  };
  'codersdk.WorkspaceResource': {
    agents?: (CoderApi['codersdk.WorkspaceAgent'])[];
    created_at?: string;
    daily_cost?: number;
    hide?: boolean;
    icon?: string;
    id?: string;
    job_id?: string;
    metadata?: (CoderApi['codersdk.WorkspaceResourceMetadata'])[];
    name?: string;
    type?: string;
    workspace_transition?: 'start' | 'stop' | 'delete';
  };
  'codersdk.WorkspaceResourceMetadata': {
    key?: string;
    sensitive?: boolean;
    value?: string;
  };
  'codersdk.WorkspaceRole': 'admin' | 'use' | '';
  'codersdk.WorkspaceStatus': 'pending' | 'starting' | 'running' | 'stopping' | 'stopped' | 'failed' | 'canceling' | 'canceled' | 'deleting' | 'deleted';
  'codersdk.WorkspaceTransition': 'start' | 'stop' | 'delete';
  'codersdk.WorkspacesResponse': {
    count?: number;
    workspaces?: (CoderApi['codersdk.Workspace'])[];
  };
  'uuid.NullUUID': {
    uuid?: string;
    valid?: boolean;
  };
}
