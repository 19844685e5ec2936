/* The few words the browser has to say by itself, in the page's language.
 *
 * The layout puts the translations in <meta name="ui-texts" content='{"ok": "Bevestigen", ...}'>; what is missing
 * there is said in English.
 */
const ENGLISH = {
  ok: "Confirm",
  cancel: "Cancel",
  close: "Close",
  unsaved: "This form has changes that are not saved. Leave without saving?",
  failed: "That did not work. Try again in a moment.",
  forbidden: "You have no permission for this.",
  gone: "This does not exist any more.",
  slow: "The server does not answer. Check the connection and try again.",
  tooMany: "Too many requests. Wait a moment.",
  shortcuts: "Keyboard shortcuts",
  shortcutsOn: "Use keyboard shortcuts",
  palette: "Go to or do anything",
  undo: "Undo",
};

let own = null;

export function text(key) {
  if (own === null) {
    try {
      own = JSON.parse(document.querySelector('meta[name="ui-texts"]')?.content ?? "{}");
    } catch {
      own = {};
    }
  }
  return own[key] ?? ENGLISH[key] ?? key;
}
