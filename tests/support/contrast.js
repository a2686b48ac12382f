// [text, contrast] for every text in our outputs, by the formula of WCAG 2.2:
// https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const paint = canvas.getContext("2d", { willReadFrequently: true });

  // What a browser shows of colours that lie upon each other, the lowest first: they may be transparent, and
  // be written in any of CSS's ways.
  const blended = (colours) => {
    for (const colour of ["white", ...colours]) {
      paint.fillStyle = colour;
      paint.fillRect(0, 0, 1, 1);
    }
    return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const [red, green, blue] = rgb
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (element) => {
    const behind = [];
    for (let parent = element; parent; parent = parent.parentElement) {
      behind.unshift(getComputedStyle(parent).backgroundColor);
    }
    const lights = [blended(behind), blended([...behind, getComputedStyle(element).color])].map(luminance);
    return (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
  };

  const found = [];
  for (const output of document.querySelectorAll(".ipy-gateway")) {
    const texts = document.createTreeWalker(output, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement;
      if (texts.currentNode.data.trim() && element.localName !== "style" && element.checkVisibility()) {
        found.push([texts.currentNode.data.trim(), contrast(element)]);
      }
    }
  }
  return found;
}
