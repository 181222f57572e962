/** Cuts secrets out of the words that a QEMU was started with; pure. */

export const cutSecret = '***';

/**
 * By the names that QEMU and its block drivers have for them: the data of secret objects, passwords, keys and cookies, what stands before
 * the "@" of a URL, and what is handed to the guest by fw_cfg or SMBIOS, where credentials are put.
 */
export function withoutSecrets(words: readonly string[]): string[] {
  return words.map((word, index) => {
    const option = (words[index - 1] ?? '').replace(/^--?/, '');
    const names = new Set([...secretNames, ...(namesOf[option] ?? [])]);
    if (isSecretObject(word)) names.add('data');
    return word.trimStart().startsWith('{') ? cutJson(word, names) : cutList(word, names, option === 'append');
  });
}

const secretNames = ['password', 'passwd', 'passphrase', 'pass', 'pw', 'token', 'cookie', 'key', 'chap-password', 'auth'];

/** Other secrets by the option that stands before them. */
const namesOf: Record<string, string[]> = {
  fw_cfg: ['string'],
  smbios: ['value'],
};

const isSecretObject = (word: string) => /^secret(,|$)|(^|,)qom-type=secret(,|$)|"qom-type"\s*:\s*"secret"/.test(word);

function cutJson(word: string, names: ReadonlySet<string>): string {
  try {
    return JSON.stringify(JSON.parse(word), (name, value: unknown) => {
      if (names.has(lastPart(name))) return cutSecret;
      return typeof value === 'string' ? cutUrl(value) : value;
    });
  } catch {
    // QEMU would not have started with it: nothing in it is worth a risk.
    return cutSecret;
  }
}

/** Values end at a comma that does not stand twice; words of a kernel's command line at a space. */
function cutList(word: string, names: ReadonlySet<string>, atSpaces: boolean): string {
  const items = word.match(atSpaces ? / +|[^ ]+/g : /(?:,,|[^,])+|,/g) ?? [];
  return items.map((item) => cutUrl(cutItem(item, names))).join('');
}

/** `file.password=…`, and `rbd:pool/image:id=admin:key=…`, in which colons part the items. */
function cutItem(item: string, names: ReadonlySet<string>): string {
  const at = item.indexOf('=');
  if (at > 0 && names.has(lastPart(item.slice(0, at)))) return `${item.slice(0, at)}=${cutSecret}`;
  return item.replaceAll(/:([\w.-]+)=((?:\\:|[^:])*)/g, (all, name: string) => (names.has(name) ? `:${name}=${cutSecret}` : all));
}

const cutUrl = (text: string) => text.replaceAll(/(\w:\/\/[^/:@%\s]*)[:%][^/@\s]*@/g, `$1:${cutSecret}@`);

const lastPart = (name: string) => name.slice(name.lastIndexOf('.') + 1).toLowerCase();
