/** What a person must know who has just been given a secret key. */

/** Lines for the screen. @param identity path of the key */
export function keyAdvice(identity: string): readonly string[] {
  return [
    `Your secret key: ${identity}`,
    "  Without it nobody can read what is stored, you included. Make the recovery kit,",
    "  `coldframe key kit`, print it, and keep the paper away from this machine.",
  ];
}
