/** The JSON examples of the earlier server's document, to the letter: what is sent, and what comes back. */
interface Example {
  readonly request: string;
  readonly response: string;
}

export const examples = {
  new: {
    request: `{
  "command": "new",
  "args": {
    "repo": "Zeeeepa/codegen.py",
    "branch": "codegen-bot/code-quality-analysis-plan-1754927688",
    "pr": 9,
    "task": "CREATE_PLAN",
    "query": "Create a comprehensive plan to properly structure codebase",
    "metadata": {
      "custom_field": "custom_value"
    }
  }
}`,
    response: `{
  "status": "success",
  "task_id": "550e8400-e29b-41d4-a716-446655440000",
  "agent_run_id": 12345,
  "state": "active",
  "web_url": "https://codegen.com/runs/12345",
  "metadata": {
    "command": "new",
    "repo": "Zeeeepa/codegen.py",
    "task_type": "CREATE_PLAN"
  }
}`,
  },
  resume: {
    request: `{
  "command": "resume",
  "args": {
    "agent_run_id": 11745,
    "task": "ANALYZE",
    "query": "Analyze frontend of the codebase",
    "metadata": {
      "custom_field": "custom_value"
    }
  }
}`,
    response: `{
  "status": "success",
  "task_id": "550e8400-e29b-41d4-a716-446655440000",
  "agent_run_id": 11745,
  "state": "active",
  "web_url": "https://codegen.com/runs/11745",
  "metadata": {
    "command": "resume",
    "task_type": "ANALYZE"
  }
}`,
  },
  task_status: {
    request: `{
  "command": "task_status",
  "args": {
    "task_id": "550e8400-e29b-41d4-a716-446655440000"
  }
}`,
    response: `{
  "status": "success",
  "task_id": "550e8400-e29b-41d4-a716-446655440000",
  "agent_run_id": 12345,
  "state": "completed",
  "result": "The comprehensive plan has been created...",
  "error": null,
  "created_at": "2025-08-12T12:34:56.789Z",
  "completed_at": "2025-08-12T12:45:12.345Z",
  "web_url": "https://codegen.com/runs/12345",
  "metadata": {
    "command": "new",
    "repo": "Zeeeepa/codegen.py",
    "task_type": "CREATE_PLAN"
  }
}`,
  },
  list: {
    request: `{
  "command": "list",
  "args": {
    "status": "running",
    "limit": 20,
    "repo": "Zeeeepa/codegen.py"
  }
}`,
    response: `{
  "status": "success",
  "items": [
    {
      "id": 12345,
      "status": "ACTIVE",
      "created_at": "2025-08-12T12:34:56.789Z",
      "web_url": "https://codegen.com/runs/12345",
      "metadata": {
        "repo": "Zeeeepa/codegen.py",
        "task_type": "CREATE_PLAN"
      }
    }
  ],
  "total": 1,
  "page": 1,
  "size": 20,
  "pages": 1
}`,
  },
  logs: {
    request: `{
  "command": "logs",
  "args": {
    "agent_run_id": 12345,
    "skip": 0,
    "limit": 100
  }
}`,
    response: `{
  "status": "success",
  "logs": [
    {
      "agent_run_id": 12345,
      "created_at": "2025-08-12T12:34:56.789Z",
      "tool_name": "ripgrep_search",
      "message_type": "ACTION",
      "thought": "I need to search for the user's function in the codebase",
      "observation": {
        "status": "success",
        "results": ["Found 3 matches..."]
      },
      "tool_input": {
        "query": "function getUserData",
        "file_extensions": [".js", ".ts"]
      },
      "tool_output": {
        "matches": 3,
        "files": ["src/user.js", "src/api.ts"]
      }
    }
  ],
  "total_logs": 25,
  "page": 1,
  "size": 100,
  "pages": 1
}`,
  },
  config_set: {
    request: `{
  "command": "config",
  "args": {
    "action": "set",
    "key": "api_token",
    "value": "your_api_token"
  }
}`,
    response: `{
  "status": "success",
  "message": "Configuration value 'api_token' set successfully"
}`,
  },
  config_get: {
    request: `{
  "command": "config",
  "args": {
    "action": "get",
    "key": "api_token"
  }
}`,
    response: `{
  "status": "success",
  "key": "api_token",
  "value": "your_..."
}`,
  },
} as const satisfies Record<string, Example>;
