// A face that is the page's own markup:
//
//	<div data-volenti-layer="ask" hidden> ... <button data-volenti-accept>
//	<div data-volenti-layer="settings" hidden> ... <input type="checkbox" data-volenti-category="statistics">
import type { Controller } from './controller';

const acts = ['accept', 'refuse', 'save', 'withdraw', 'open', 'close'] as const;

/** Shows the page's layers and hears its buttons. Gives the function that ends it. */
export function bind(controller: Controller): () => void {
  const boxes = (kind: 'category' | 'vendor') => Array.from(document.querySelectorAll<HTMLInputElement>('input[data-volenti-' + kind + ']'));
  const keyed = (box: HTMLInputElement) => box.dataset.volentiCategory || box.dataset.volentiVendor || '';

  const chosen = (kind: 'category' | 'vendor') => {
    const all: Record<string, boolean> = {};
    for (const box of boxes(kind)) all[keyed(box)] = box.checked;
    return all;
  };

  const click = (event: Event) => {
    const { target } = event;
    const element = target instanceof Element && target.closest(acts.map((act) => '[data-volenti-' + act + ']').join());
    if (!element) return;
    event.preventDefault();
    const act = acts.find((one) => element.hasAttribute('data-volenti-' + one));
    if (act === 'accept') controller.acceptAll();
    else if (act === 'refuse') controller.refuseAll();
    else if (act === 'save') controller.choose(chosen('category'), chosen('vendor'));
    else if (act === 'withdraw') controller.withdraw();
    else if (act === 'open') controller.open();
    else controller.close();
  };

  const draw = () => {
    document.querySelectorAll<HTMLElement>('[data-volenti-layer]').forEach((layer) => {
      layer.hidden = layer.dataset.volentiLayer !== controller.layer;
    });
    for (const box of [...boxes('category'), ...boxes('vendor')]) box.checked = controller.allowed(keyed(box));
  };

  const escape = (event: KeyboardEvent) => event.key === 'Escape' && controller.layer && controller.close();
  document.addEventListener('click', click);
  document.addEventListener('keydown', escape);
  document.addEventListener('DOMContentLoaded', draw);
  const off = controller.on('layer', draw);
  draw();
  return () => {
    off();
    document.removeEventListener('click', click);
    document.removeEventListener('keydown', escape);
    document.removeEventListener('DOMContentLoaded', draw);
  };
}
