/* Entrepot: cards that are dragged between the columns of a board; loaded where there is a board or a
 * list to put in order.
 *
 *   <div data-board data-board-url="/orders/board/move">
 *     <ul data-board-column="confirmed"><li data-card="order-id"> ... </li></ul>
 *   </div>
 *
 * A drop posts card, column and position. A refusal puts the card back where it was and the answer's toast says
 * why. Dragging is never the only way: the card's own menu holds the same moves for the keyboard.
 */
import Sortable from "sortablejs";

/* A list whose order is chosen: <ol data-arrange><li data-arranged> with [data-grip] to drag by, [data-move="-1"] and
 * "1" buttons, and a number field. Whatever moved, the numbers are written anew; without this script one types them. */
function number(list) {
  const rows = [...list.querySelectorAll("[data-arranged]")];
  rows.forEach((row, at) => {
    row.querySelector("input[type=number]").value = String((at + 1) * 10);
  });
  list.dispatchEvent(new Event("input", { bubbles: true })); // the form has changes that are not saved
}

function arrangeLists() {
  for (const list of document.querySelectorAll("[data-arrange]")) {
    if (Sortable.get(list)) continue;
    Sortable.create(list, { handle: "[data-grip]", draggable: "[data-arranged]", animation: 120, onEnd: () => number(list) });
    list.addEventListener("click", (event) => {
      const button = event.target.closest("[data-move]");
      if (!button) return;
      const row = button.closest("[data-arranged]");
      const up = button.dataset.move === "-1";
      const other = up ? row.previousElementSibling : row.nextElementSibling;
      if (!other) return;
      list.insertBefore(up ? row : other, up ? other : row);
      number(list);
      button.focus();
    });
  }
}

function arrange(board) {
  for (const column of board.querySelectorAll("[data-board-column]")) {
    if (Sortable.get(column)) continue;
    Sortable.create(column, {
      group: board.dataset.boardUrl,
      draggable: "[data-card]",
      filter: "[data-card-fixed]",
      animation: 120,
      ghostClass: "app-card-ghost",
      onEnd: (drop) => move(board, drop),
    });
  }
}

function move(board, { item, from, to, oldDraggableIndex, newDraggableIndex }) {
  if (from === to && oldDraggableIndex === newDraggableIndex) return;
  const undo = () => {
    const cards = [...from.querySelectorAll("[data-card]")].filter((card) => card !== item);
    from.insertBefore(item, cards[oldDraggableIndex] ?? null);
  };
  const settle = (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement !== item) return;
    document.removeEventListener("htmx:finally:request", settle);
    if (!ctx.response || ctx.response.status >= 400) undo();
  };
  document.addEventListener("htmx:finally:request", settle);
  window.htmx.ajax("POST", board.dataset.boardUrl, {
    source: item,
    swap: "none",
    values: { card: item.dataset.card, column: to.dataset.boardColumn, position: newDraggableIndex },
  });
}

function arrangeAll() {
  document.querySelectorAll("[data-board]").forEach(arrange);
  arrangeLists();
}

document.addEventListener("htmx:after:swap", arrangeAll);
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", arrangeAll);
else arrangeAll();
