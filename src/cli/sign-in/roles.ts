import type { Users } from '../../auth/server/users.ts';
import type { ConfigKeeper } from '../../config/config-keeper.ts';
import type { Flags } from '../program.ts';

/** What the composition root does for `boxswain auth` and `boxswain users`, on the records that the configuration names. */
export interface SignInRoles {
  /** The configuration and its file. */
  settings(flags: Flags): ConfigKeeper;
  openUsers(flags: Flags): Promise<Users & AsyncDisposable>;
  /** The address that clients will know the server by. Throws AppError VALIDATION_ERROR for one that will not do. */
  issuerAt(publicUrl: string | undefined): Promise<string>;
  /** Makes the keys that tokens are signed with, where there are none, or in place of those there are. */
  makeSigningKeys(flags: Flags, options: { replaces: boolean }): Promise<void>;
}
