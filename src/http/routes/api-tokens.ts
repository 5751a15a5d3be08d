import { apiTokenCreate, apiTokenList, apiTokenRevoke } from '../../operations/tokens/api-tokens.ts';
import { queryArguments, readArguments } from '../request.ts';
import { type Api, type ApiParts, run } from './context.ts';

/** `/api/tokens`: what callers made for their scripts. */
export function addApiTokenRoutes(api: Api, parts: ApiParts): void {
  api.post('/api/tokens', async context => {
    const args = await readArguments(context.req.raw, parts.maxBodyBytes);
    const { output } = await run(parts, apiTokenCreate, { context, args });
    // It holds a secret that nothing on the way may keep.
    return context.json(output, 201, { 'cache-control': 'no-store' });
  });
  api.get('/api/tokens', async context => {
    const args = queryArguments(context.req.raw, apiTokenList);
    return context.json((await run(parts, apiTokenList, { context, args })).output);
  });
  api.delete('/api/tokens/:id', async context => {
    const args = { token_id: context.req.param('id') };
    return context.json((await run(parts, apiTokenRevoke, { context, args })).output);
  });
}
