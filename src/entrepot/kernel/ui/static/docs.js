/* Entrepot: starts the API docs viewer on <div id="api-docs" data-spec="/openapi.json">.
 *
 * The layout is the viewer's plain one: its other layout brings a bar with a logo and a field for foreign
 * addresses. Calls made from the page carry the same token as the rest of the screens.
 */
const place = document.getElementById("api-docs");

function followTheme() {
  document.documentElement.classList.toggle("dark-mode", document.documentElement.dataset.bsTheme === "dark");
}

document.addEventListener("entrepot:theme", followTheme);
followTheme();

window.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.spec,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  filter: true,
  syntaxHighlight: false, // its colours are style attributes, which the policy refuses
  showMutatedRequest: false, // the curl line people copy has no business with the token
  validatorUrl: null, // or the document is sent to a validator elsewhere
  requestInterceptor: (request) => {
    const token = document.querySelector('meta[name="csrf"]')?.content;
    if (token) request.headers["X-CSRF-Token"] = token;
    return request;
  },
});
