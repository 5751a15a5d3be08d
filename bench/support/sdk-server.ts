/** The baseline of `echo`: the SDK's low-level server with one tool and nothing else. Prints its address. */
import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { Server, createMcpHandler } from '@modelcontextprotocol/server';

const listed = {
  tools: [
    {
      name: 'echo',
      description: 'Answers the message.',
      inputSchema: { type: 'object' as const, properties: { message: { type: 'string' } }, required: ['message'] },
    },
  ],
};

const handler = createMcpHandler(() => {
  const server = new Server({ name: 'baseline', version: '1' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', () => listed);
  server.setRequestHandler('tools/call', ({ params }) => {
    const output = { message: String(params.arguments?.message) };
    return { content: [{ type: 'text' as const, text: JSON.stringify(output) }], structuredContent: output };
  });
  return server;
});

const server = createServer(toNodeHandler(handler));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') console.log(`listening on http://127.0.0.1:${address.port}/mcp`);
});
