/** The examples of the earlier server's document, to the letter. */

/** Where they expect the server. */
export const SCRIPT_PORT = 8081;
export const SCRIPT_ORIGIN = `http://localhost:${SCRIPT_PORT}`;
/** The task that the second one follows. */
export const SCRIPT_TASK = '550e8400-e29b-41d4-a716-446655440000';

export const pollingScript = `// Start a new agent run
const newResponse = await fetch('http://localhost:8081/mcp', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({
    command: 'new',
    args: {
      repo: 'Zeeeepa/codegen.py',
      task: 'CREATE_PLAN',
      query: 'Create a comprehensive plan to properly structure codebase'
    }
  })
});

const newData = await newResponse.json();
const taskId = newData.task_id;

// Poll for task completion
let taskData;
do {
  await new Promise(resolve => setTimeout(resolve, 5000)); // Wait 5 seconds
  
  const statusResponse = await fetch('http://localhost:8081/mcp', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      command: 'task_status',
      args: { task_id: taskId }
    })
  });
  
  taskData = await statusResponse.json();
} while (taskData.state === 'active');

// Task is completed
console.log('Task result:', taskData.result);
`;

export const eventSourceScript = `const eventSource = new EventSource('http://localhost:8081/sse?task_id=550e8400-e29b-41d4-a716-446655440000');

eventSource.addEventListener('task_update', (event) => {
  const data = JSON.parse(event.data);
  console.log('Task update:', data);
});

eventSource.addEventListener('task_complete', (event) => {
  const data = JSON.parse(event.data);
  console.log('Task completed:', data);
  eventSource.close();
});

eventSource.addEventListener('task_error', (event) => {
  const data = JSON.parse(event.data);
  console.log('Task error:', data);
  eventSource.close();
});
`;
