/* Entrepot: forms that a passkey answers; loaded on the log-in page and the page of one's own account.
 *
 *   <form method="post" data-passkey="get" data-passkey-options='{...}' hidden> <input type="hidden" name="answer"> </form>
 *
 * "create" makes a key, "get" asks for one. The form stays hidden where the browser knows no passkeys; the server
 * checks the answer, this only fetches it.
 */
import { text } from "./parts/texts.js";

const able = Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON);

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!able) continue;
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    answer(form).then(
      () => form.submit(),
      () => say(form, text("failed")),
    );
  });
}

async function answer(form) {
  const given = JSON.parse(form.dataset.passkeyOptions);
  const made =
    form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(given) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(given) });
  form.elements.answer.value = JSON.stringify(made.toJSON());
}

function say(form, words) {
  const place = form.querySelector("[data-passkey-problem]");
  if (place) place.textContent = words;
}
