
const section = document.getElementById("requirements");
const buttons = [...section.querySelectorAll(".filter button")];
const chapters = [...section.querySelectorAll(".of-chapter")];

function show(verdict) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.verdict === verdict));
  for (const chapter of chapters) {
    const rows = [...chapter.querySelectorAll("tbody tr")];
    for (const row of rows) row.hidden = verdict !== "" && row.dataset.verdict !== verdict;
    chapter.hidden = rows.every(row => row.hidden);
    chapter.open = verdict !== "" && !chapter.hidden;
  }
}
for (const button of buttons) button.addEventListener("click", () => show(button.dataset.verdict));
section.querySelector(".filter").hidden = false;

if (navigator.clipboard) {
  for (const text of document.querySelectorAll("pre[tabindex]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text.querySelector("code").textContent);
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
    text.prepend(button);
  }
}
