/** Shown to models before any tool is. Clients cut at 2,048 characters. */
export const instructions = `Boxswain runs code in isolated sandboxes. Use it whenever a task needs something to be executed, tried or computed rather than guessed: run Python or shell commands, install packages, work on files, clone a git repository, run its tests or linters, produce a file for the user. Nothing that runs there can touch the user's machine.

How it works
- A workspace is an isolated directory with its own files, packages and processes. Calls that create one return workspace_id: pass it to every later call that shall see the same files. If you were given none, workspace_create makes one, and run_python, run_command, fs_write, pkg_install and git_clone make one themselves.
- Write files with fs_write, change them with fs_edit, read with fs_read, look around with fs_list. Paths are relative to the workspace.
- Run with run_python (code, or a file) or run_command. A non-zero exit code is a normal result: read stdout and stderr. Give context to run_python to keep variables between calls.
- The network is off unless the workspace was created with it; pkg_install and git_clone reach their hosts anyway.
- Files written under artifacts/ are kept as artifacts, which artifact_get returns also after the workspace is gone.
- Work that outlasts wait_seconds answers with status running or queued and a task_id: ask task_get_result with wait_seconds for the end, or task_cancel.
- To try several ways from one state, use workspace_checkpoint, workspace_restore or workspace_fork. Delete what you no longer need with workspace_delete.

When a call fails, its text says what happened and names the next valid call.`;
