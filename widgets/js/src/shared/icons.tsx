// The icons in the side panel. Each is next to text, or on a button with a label.

const drawn = (path: string, width = 1.5) => () => (
  <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width={width}
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d={path} /></svg>
);

export const Chevrons = drawn("M5 6l3-3 3 3M5 10l3 3 3-3");
export const Chevron = drawn("M6 4l4 4-4 4");
export const Plus = drawn("M8 3v10M3 8h10");
export const Dots = drawn("M3.5 8h.01M8 8h.01M12.5 8h.01", 2.2);
export const Sheet = drawn("M2.5 3h11v10h-11zM2.5 6.5h11M6.5 6.5V13");
export const Upload = drawn("M8 11V3M4.5 6L8 2.8 11.5 6M3 13h10");
export const Close = drawn("M4 4l8 8M12 4l-8 8");
export const Search = drawn("M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3L13.5 13.5");
