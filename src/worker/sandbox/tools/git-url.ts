import type { Config } from '../../../config/config.ts';
import { AppError } from '../../../errors/app-error.ts';
import { hostText, matchesRule, operatorRule, ruleOfUrl } from '../../../protocol/host-rules.ts';

/**
 * The URL of a repository, if the operator's lists hold its host: https for `git.hosts`; http only for `private_hosts`, when
 * `git.allow_http` is set. Throws VALIDATION_ERROR and HOST_NOT_ALLOWED.
 */
export function repositoryUrl(text: string, config: Config['sandbox']): URL {
  const url = URL.parse(text);
  const isHttp = url?.protocol === 'http:';
  if (url === null || (url.protocol !== 'https:' && !isHttp)) throw bad('must be an https URL');
  if (url.username !== '' || url.password !== '') throw bad('must not hold credentials');
  if (url.hash !== '' || /[\s\0\\]/.test(text)) throw bad('must be a plain URL');
  const target = ruleOfUrl(url);
  const privateHosts = config.private_hosts.map(host => host.toLowerCase());
  if (isHttp && !config.git.allow_http) throw bad('must be an https URL');
  const isAllowed = isHttp
    ? privateHosts.includes(hostText(target))
    : config.git.hosts.some(host => matchesRule(operatorRule(host), target));
  if (isAllowed) return url;
  throw new AppError('HOST_NOT_ALLOWED', `host ${hostText(target)} is not on the list for git`, {
    hint: `allowed: ${config.git.hosts.join(', ') || 'none'}; ask the operator to add it to sandbox.git.hosts`,
    details: { host: target.host, allowed: [...config.git.hosts] },
  });
}

/** As git names the folder: the last part of the path, without `.git`. */
export function repositoryName(url: URL): string {
  const last = url.pathname.split('/').findLast(part => part !== '' && part !== '.git') ?? '';
  const name = safeDecode(last)
    .replace(/\.git$/, '')
    .replace(/[^\w.+-]/g, '-')
    .replace(/^[.-]+/, '');
  if (name !== '') return name;
  throw bad('names no repository; pass path');
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function bad(problem: string): AppError {
  return new AppError('VALIDATION_ERROR', `argument "url" ${problem}`, {
    hint: 'use the https URL of the repository, without user and password',
  });
}
