/** Keys of service accounts, made for one test. */

import { exportPKCS8, exportSPKI, generateKeyPair } from "jose";

/** A key file as the Google console downloads it, and the public half for the server. */
export async function serviceAccountKey(
  email: string,
): Promise<{ publicKey: string; file: Record<string, string> }> {
  const pair = await generateKeyPair("RS256", { extractable: true });
  return {
    publicKey: await exportSPKI(pair.publicKey),
    file: {
      type: "service_account",
      project_id: "coldframe-1234",
      private_key_id: "0123456789abcdef",
      private_key: await exportPKCS8(pair.privateKey),
      client_email: email,
      client_id: "1234567890",
      auth_uri: "https://accounts.google.com/o/oauth2/auth",
      token_uri: "https://oauth2.googleapis.com/token",
    },
  };
}
