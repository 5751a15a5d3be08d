import { AppError } from '../../errors/app-error.ts';
import { isLoopback } from '../admission.ts';
import { resourceAt } from '../resource.ts';

/**
 * The name of the authorization server at this address, without a slash at its end. Throws AppError VALIDATION_ERROR for one that
 * clients could not trust.
 */
export function issuerAt(publicUrl: string | undefined): string {
  if (publicUrl === undefined) {
    throw new AppError('VALIDATION_ERROR', 'the built-in authorization server needs http.public_url', {
      hint: 'set it to the address that clients use: boxswain auth enable --public-url https://box.example.com',
    });
  }
  const { base } = resourceAt(publicUrl);
  const { protocol, hostname } = new URL(base);
  const isLocal = hostname === 'localhost' || isLoopback(hostname.replace(/^\[|\]$/g, ''));
  if (protocol === 'https:' || isLocal) return base;
  throw new AppError('VALIDATION_ERROR', 'the built-in authorization server needs an http.public_url with https', {
    hint: 'put a proxy with a certificate in front of it; passwords and tokens must not travel in the clear',
  });
}
