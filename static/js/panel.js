// Copying, keys, and what to say when the caller does not come.
const copiedWord = document.currentScript?.dataset.copied ?? "Copied";
const announcement = document.getElementById("announcement");
const keys = document.getElementById("keys");

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    return; // not allowed in this frame: the value can still be selected
  }
  button.classList.add("copied");
  announcement.textContent = copiedWord;
  setTimeout(() => button.classList.remove("copied"), 900);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "?") keys.showModal();
  if (event.key === "r") document.getElementById("refresh")?.click();
});

function failed(event) {
  if (event.detail.target?.id !== "caller") return;
  event.detail.target.replaceChildren(document.getElementById("state-failed").content.cloneNode(true));
}
document.body.addEventListener("htmx:responseError", failed);
document.body.addEventListener("htmx:sendError", failed);

// The address of the next field is not lost when one is revealed.
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.elt.classList?.contains("field")) event.detail.elt.querySelector(".value, .reveal summary")?.focus();
});
