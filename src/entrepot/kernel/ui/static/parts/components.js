/* The Alpine components a template may name in x-data.
 *
 * Under script-src 'self' Alpine cannot compile what stands in an attribute: an expression there is a name, a
 * member or a simple call, and whatever is more than that lives here.
 */
export function registerComponents(Alpine) {
  Alpine.data("disclosure", disclosure);
  Alpine.data("selection", selection);
  Alpine.data("tabs", tabs);
}

/** x-data="disclosure": open, toggle(), close(). data-open starts it open. */
function disclosure() {
  return {
    open: false,
    init() {
      this.open = this.$el.hasAttribute("data-open");
    },
    toggle() {
      this.open = !this.open;
    },
    close() {
      this.open = false;
    },
  };
}

/** x-data="selection" around a list: count, some, all, toggleAll(), clear(); the rows are input[data-select-row]. */
function selection() {
  return {
    count: 0,
    total: 0,
    init() {
      this.read();
      this.$el.addEventListener("change", () => this.read());
      this.$el.addEventListener("htmx:after:swap", () => this.read());
    },
    rows() {
      return [...this.$root.querySelectorAll("input[data-select-row]")];
    },
    read() {
      const rows = this.rows();
      this.total = rows.length;
      this.count = rows.filter((row) => row.checked).length;
      const head = this.$root.querySelector("input[data-select-all]");
      if (head) {
        head.checked = this.all;
        head.indeterminate = this.some && !this.all;
      }
    },
    get some() {
      return this.count > 0;
    },
    get all() {
      return this.total > 0 && this.count === this.total;
    },
    toggleAll() {
      this.set(this.count < this.total);
    },
    clear() {
      this.set(false);
    },
    set(checked) {
      for (const row of this.rows()) row.checked = checked;
      this.read();
    },
  };
}

/** x-data="tabs" data-tab="lines": is("lines"), show("history"). */
function tabs() {
  return {
    current: "",
    init() {
      this.current = this.$el.dataset.tab ?? "";
    },
    is(name) {
      return this.current === name;
    },
    show(name) {
      this.current = name;
    },
  };
}
