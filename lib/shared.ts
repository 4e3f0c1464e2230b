/** Texts that come again and again, each of which a row would hold for itself. */

/** Gives one and the same text for all that are equal, for as long as the function lives. */
export function sharedTexts(): (text: string) => string {
  const texts = new Map<string, string>();
  return (text) => {
    const known = texts.get(text);
    if (known !== undefined) return known;
    texts.set(text, text);
    return text;
  };
}
