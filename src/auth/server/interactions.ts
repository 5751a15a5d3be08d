import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors, type Provider } from 'oidc-provider';
import { z } from 'zod';
import { AppError } from '../../errors/app-error.ts';
import { unavailable } from '../../errors/unavailable.ts';
import type { Log } from '../../log/log.ts';
import type { Store } from '../../store/store.ts';
import { expandScopes, knownScopes } from '../caller.ts';
import { readForm } from './form.ts';
import { Limiter } from './limiter.ts';
import { type Asking, consentPage, errorPage, sendPage, signInPage } from './pages.ts';
import { formTargetOf, placeOf } from './redirects.ts';
import { INTERACTION, ROUTES } from './settings.ts';
import { callerOfUser, type SignInAudit, signInEntry } from './sign-in-audit.ts';
import type { Users } from './users.ts';

const PATH = new RegExp(`^${INTERACTION}/([\\w-]{1,64})(?:/(login|consent|deny|switch))?$`);
/** At each hub, whoever they are for. */
const SIGN_INS_PER_MINUTE = 120;
const WRONG = 'The name or the password is wrong, or there were too many attempts. Check both, or wait a few minutes.';
const AWAY = 'Something that this server needs cannot be reached at this moment. Wait a few seconds and try again.';
const BUSY = 'Too many people are signing in at this moment. Wait a few seconds and try again.';

const ALL_TOOLS = expandScopes(['mcp:tools']);

const paramsSchema = z.looseObject({
  client_id: z.string(),
  redirect_uri: z.string(),
  scope: z.string().optional(),
  resource: z.union([z.string(), z.array(z.string())]).optional(),
});
const loginSchema = z.object({ name: z.string().max(256), password: z.string().max(1024) });

interface Parts {
  readonly provider: Provider;
  readonly users: Users;
  readonly store: Pick<Store, 'signIn'>;
  readonly issuer: string;
  readonly log: Log;
  readonly audit: SignInAudit;
}

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;

/**
 * The pages between a client and its tokens. Each belongs to one browser: its address holds a random id, and the same id must come in
 * a cookie that pages of other sites cannot make the browser send with a form. So no form of theirs does anything here.
 */
export class Interactions {
  readonly #parts: Parts;
  readonly #signIns = new Limiter(SIGN_INS_PER_MINUTE);
  readonly #mount: string;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#mount = new URL(parts.issuer).pathname.replace(/\/$/, '');
  }

  /** Answers what belongs to an interaction; `path` without the query. */
  async handle(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const [, uid, step] = PATH.exec(path) ?? [];
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (uid === undefined || isRead !== (step === undefined) || !(isRead || request.method === 'POST'))
      return sendPage(response, errorPage('There is no such page.'), { status: 404 });
    try {
      const interaction = await this.#parts.provider.interactionDetails(request, response);
      if (interaction.uid !== uid || (!isRead && isFromElsewhere(request))) throw new errors.SessionNotFound('foreign');
      await this.#step(step ?? 'show', { request, response, interaction });
    } catch (error) {
      const passing = unavailable(error);
      if (passing) {
        this.#parts.log.warn({ err: error }, 'nobody could sign in: something that the hub needs was away');
        return sendPage(response, errorPage(AWAY), { status: 503 });
      }
      if (!(error instanceof errors.SessionNotFound)) throw error;
      sendPage(response, errorPage('This sign-in has expired, or was begun in another browser.'), { status: 400 });
    }
  }

  async #step(step: string, { request, response, interaction }: Turn): Promise<void> {
    const isLogin = interaction.prompt.name === 'login';
    const finish = (result: Parameters<Provider['interactionFinished']>[2]) =>
      this.#parts.provider.interactionFinished(request, response, result);
    if (step === 'login' && isLogin) {
      const outcome = await this.#signIn(request, interaction);
      if ('name' in outcome) return await finish({ login: { accountId: outcome.name } });
      return await this.#show({ request, response, interaction }, outcome);
    }
    if (step === 'consent' && !isLogin) return await finish({ consent: { grantId: await this.#grant(interaction) } });
    if (step === 'deny' && !isLogin) await this.#declined(interaction);
    if (step === 'deny') return await finish({ error: 'access_denied', error_description: 'the user has declined' });
    if (step === 'switch' && !isLogin) return await this.#switch({ request, response, interaction });
    await this.#show({ request, response, interaction }, {});
  }

  async #signIn(request: IncomingMessage, interaction: Interaction): Promise<{ name: string } | Refused> {
    const typed = loginSchema.safeParse(await readForm(request));
    if (!typed.success) return { problem: WRONG, status: 400 };
    const { name: given, password } = typed.data;
    if (!this.#signIns.take()) return { problem: BUSY, given, status: 429 };
    const details = { client_id: paramsSchema.parse(interaction.params).client_id };
    const name = await this.#parts.users.signIn(given, password, details).catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'CAPACITY_EXCEEDED') return null;
      throw error;
    });
    if (name === null) return { problem: BUSY, given, status: 429 };
    if (name === undefined) this.#parts.log.warn({}, 'a sign-in failed');
    // With another user the library would sign the first one out by a page with a script.
    const current = interaction.session?.accountId;
    if (name === undefined || (current !== undefined && current !== name))
      return { problem: WRONG, given, status: 401 };
    return { name };
  }

  async #show({ response, interaction }: Turn, refused: Partial<Refused>): Promise<void> {
    const action = `${this.#mount}${INTERACTION}/${interaction.uid}`;
    const asking = await this.#asking(interaction);
    const formTarget = formTargetOf(paramsSchema.parse(interaction.params).redirect_uri);
    const { problem, given: name, status } = refused;
    if (interaction.prompt.name === 'login') {
      return sendPage(response, signInPage(asking, { action, formTarget, problem, name }), { status });
    }
    const { user, shown, refused: beyond } = await this.#scopes(interaction);
    sendPage(response, consentPage(asking, { action, user, scopes: shown, refused: beyond, formTarget }));
  }

  async #asking({ params }: Interaction): Promise<Asking> {
    const { client_id: id, redirect_uri } = paramsSchema.parse(params);
    const client = await this.#parts.provider.Client.find(id);
    const host = URL.canParse(id) ? new URL(id).host : undefined;
    return { client: (client?.clientName ?? host ?? id).slice(0, 128), host, place: placeOf(redirect_uri) };
  }

  /** What is asked for, parted by what the user may do. */
  async #scopes({ params, session }: Interaction) {
    const { scope = '' } = paramsSchema.parse(params);
    const user = session && (await this.#parts.store.signIn.user(session.accountId));
    if (user === undefined || user.isLocked) throw new errors.SessionNotFound('the user is gone');
    const most = expandScopes(user.scopes);
    const asked = [...new Set(scope.split(' '))];
    const known = asked.filter(one => knownScopes.includes(one));
    const about = asked.filter(one => one === 'openid' || one === 'offline_access');
    const granted = known.filter(one => most.has(one));
    // All tools as far as the user may use them: the token is held to that whenever it is shown.
    const own = user.scopes.filter(one => ALL_TOOLS.has(one));
    if (granted.length === 0 && known.includes('mcp:tools') && own.length > 0)
      return { user: user.name, about, granted: ['mcp:tools'], shown: own, refused: [] };
    return { user: user.name, about, granted, shown: granted, refused: known.filter(one => !most.has(one)) };
  }

  /** Writes down what the user allows, under a grant of its own. Its id. */
  async #grant(interaction: Interaction): Promise<string> {
    const { client_id: clientId, resource = [] } = paramsSchema.parse(interaction.params);
    const { user, about, granted, refused } = await this.#scopes(interaction);
    this.#parts.audit.admit();
    const grant = new this.#parts.provider.Grant({ accountId: user, clientId });
    if (about.length > 0) grant.addOIDCScope(about);
    for (const one of [resource].flat()) {
      if (granted.length > 0) grant.addResourceScope(one, granted);
      if (refused.length > 0) grant.rejectResourceScope(one, refused);
    }
    this.#parts.log.info({ user, clientId, scopes: granted }, 'a client was granted access');
    const grantId = await grant.save();
    const details = { client_id: clientId, scopes: granted, refused };
    await this.#parts.audit.record(signInEntry('consent', { caller: callerOfUser(user), grantId, details }));
    return grantId;
  }

  async #declined({ params, session }: Interaction): Promise<void> {
    const { client_id } = paramsSchema.parse(params);
    const facts = { caller: callerOfUser(session?.accountId), outcome: 'POLICY_DENIED', details: { client_id } };
    await this.#parts.audit.record(signInEntry('consent', facts));
  }

  /** Signs out, and begins anew what the client has asked for. */
  async #switch({ request, response, interaction }: Turn): Promise<void> {
    const { provider, issuer } = this.#parts;
    const session = await provider.Session.get(provider.createContext(request, response));
    await session.destroy();
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(interaction.params)) {
      for (const one of [value].flat()) if (typeof one === 'string' && name !== 'prompt') query.append(name, one);
    }
    response
      .writeHead(303, { location: `${issuer}${ROUTES.authorization}?${query}`, 'cache-control': 'no-store' })
      .end();
  }
}

interface Turn {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly interaction: Interaction;
}

interface Refused {
  readonly problem: string;
  readonly given?: string;
  readonly status: number;
}

/** What browsers say of a form that another site has sent; programs and old browsers say nothing. */
function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return site !== undefined && site !== 'same-origin';
}
