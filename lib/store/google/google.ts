/** Google accounts: what the rest of coldframe uses of this folder. */

export { signInEnd, type SignInState, signInState, signOut } from "./account.ts";
export { type GoogleContext, keepOAuthClient, readOAuthClient } from "./credentials.ts";
export { signIn, type SignInOptions } from "./signin.ts";
export {
  DRIVE_FILE_SCOPE,
  DRIVE_READ_SCOPE,
  DRIVE_SCOPE,
  openTokenSource,
  renewSignIn,
  type TokenSource,
} from "./source.ts";
export type { StoredToken } from "./tokenfile.ts";
