/** What a hand does on a chart: points, draws the time along, turns the wheel, marks a stretch. Places are parts of the width, 0 to 1. */

export interface Hands {
  /** null: the pointer has left. */
  point(at: number | null): void;
  /** A press without a movement. */
  pin(at: number): void;
  /** By so much of the width since the drag began. */
  drag(by: number): void;
  drop(): void;
  turn(steps: number, at: number): void;
  /** Sideways. */
  roll(by: number): void;
  mark(from: number, to: number): void;
}

/** Less is a press. */
const DRAG_PX = 4;
const WHEEL_LINE_PX = 16;
const WHEEL_STEP_PX = 100;

interface Drag {
  readonly from: number;
  readonly marks: boolean;
  moved: boolean;
}

/** `area` is told of everything; `box` shows a stretch while it is marked. Returns how to let go again. */
export function attachHands(area: HTMLElement, box: HTMLElement, hands: Hands): () => void {
  let drag: Drag | null = null;
  const gone = new AbortController();
  const { signal } = gone;
  const placeOf = (event: MouseEvent): number => {
    const { left, width } = area.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / Math.max(width, 1)));
  };
  const showBox = (from: number, to: number) => {
    box.hidden = false;
    box.style.left = `${Math.min(from, to) * 100}%`;
    box.style.width = `${Math.abs(to - from) * 100}%`;
  };
  const end = () => {
    drag = null;
    box.hidden = true;
    area.classList.remove('chart-dragged');
  };

  area.addEventListener(
    'pointerdown',
    (event) => {
      if (event.button !== 0) return;
      area.setPointerCapture(event.pointerId);
      drag = { from: placeOf(event), marks: event.shiftKey, moved: false };
    },
    { signal },
  );
  area.addEventListener(
    'pointermove',
    (event) => {
      const at = placeOf(event);
      hands.point(at);
      if (drag === null) return;
      if (Math.abs(at - drag.from) * area.clientWidth >= DRAG_PX) drag.moved = true;
      if (!drag.moved) return;
      area.classList.add('chart-dragged');
      if (drag.marks) showBox(drag.from, at);
      else hands.drag((event.clientX - area.getBoundingClientRect().left) / area.clientWidth - drag.from);
    },
    { signal },
  );
  area.addEventListener(
    'pointerup',
    (event) => {
      if (drag === null) return;
      const { from, marks, moved } = drag;
      const at = placeOf(event);
      end();
      if (!moved) hands.pin(at);
      else if (marks) hands.mark(from, at);
      else hands.drop();
    },
    { signal },
  );
  area.addEventListener(
    'pointercancel',
    () => {
      if (drag?.moved === true && !drag.marks) hands.drop();
      end();
    },
    { signal },
  );
  area.addEventListener('pointerleave', () => drag === null && hands.point(null), { signal });
  area.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const unit = event.deltaMode === 0 ? 1 : WHEEL_LINE_PX;
      const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      const px = (event.deltaX === 0 || !sideways ? event.deltaY : event.deltaX) * unit;
      if (sideways) hands.roll(px / Math.max(area.clientWidth, 1));
      else hands.turn(px / WHEEL_STEP_PX, placeOf(event));
    },
    { signal, passive: false },
  );
  return () => gone.abort();
}
