// Draws the diagrams of a page that has some. Without it they are text.
const diagrams = document.querySelectorAll("pre > code.language-mermaid");
if (diagrams.length > 0) {
  for (const code of diagrams) {
    const diagram = document.createElement("div");
    diagram.className = "mermaid";
    diagram.textContent = code.textContent;
    code.parentElement.replaceWith(diagram);
  }
  const script = document.createElement("script");
  script.src = path_to_root + "mermaid.min.js";
  script.onload = () => {
    const classes = document.documentElement.classList;
    const isDark = ["coal", "navy", "ayu"].some((theme) => classes.contains(theme));
    mermaid.initialize({ startOnLoad: false, theme: isDark ? "dark" : "default" });
    mermaid.run();
  };
  document.head.append(script);
}
