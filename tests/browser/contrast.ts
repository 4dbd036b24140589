/** Runs in a page: texts whose colour stands out too little from what is behind them (WCAG AA). */
export function lowContrast(): string[] {
  const LEAST = 4.5;
  const parse = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]: readonly number[]) => {
    const part = (value = 0) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (element: Element | null): readonly number[] => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || (color[3] ?? 0) > 0) return color;
    }
    return [255, 255, 255];
  };
  const found = new Set<string>();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement!;
    const { width } = element.getBoundingClientRect();
    if (!node.textContent?.trim() || width < 2 || element.closest("script, noscript")) continue;
    const [one, other] = [
      luminance(parse(getComputedStyle(element).color)),
      luminance(behind(element)),
    ];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < LEAST) {
      found.add(`${element.className}: ${node.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
    }
  }
  return [...found];
}
