/** What the server holds, as far as it has shown it to this page: see recorder.js for where this comes from. */
import { element } from './dom.js';
import { lightsUp, relight } from './highlight.js';
import { showList } from './keyed-list.js';
import { kindsInOrder, recordView } from './record-view.js';

export function serverPane(recorder) {
  const records = element('div', {
    class: 'records',
    tabindex: '0',
    role: 'region',
    'aria-label': 'Records on the server',
    'data-testid': 'server-records',
  });
  const nothing = element('p', { class: 'caption' }, 'Nothing yet. Create Alice and watch what arrives here.');
  const requests = element('ol', { class: 'requests', 'data-testid': 'server-requests' });
  const pane = element(
    'section',
    { class: 'pane server', id: 'server', 'aria-labelledby': 'server-name' },
    element('h2', { id: 'server-name' }, 'What the server holds'),
    element(
      'p',
      { class: 'explanation' },
      'The same records, exactly as the server answered them. Point at a value on the left to find it here.',
    ),
    nothing,
    records,
    element('details', { class: 'traffic' }, element('summary', {}, 'Latest requests'), requests),
  );

  const update = () => {
    const inOrder = [...recorder.records.values()].sort((one, other) => rank(one) - rank(other));
    nothing.hidden = inOrder.length > 0;
    showList(
      records,
      inOrder,
      ({ key }) => key,
      ({ fields, toldTo }) => JSON.stringify([fields, toldTo]),
      (record) => {
        const view = recordView(record);
        if (record.kind === 'slot') lightsUp(view, record.id);
        return view;
      },
    );
    relight();
    requests.replaceChildren(
      ...recorder.requests.map(({ person, method, path, status }) =>
        element(
          'li',
          {},
          element('span', { class: 'method' }, method),
          ' ',
          path,
          ' ',
          element('small', {}, `${status}, for ${person}`),
        ),
      ),
    );
  };
  let scheduled = false;
  recorder.addEventListener('change', () => {
    if (scheduled) return; // Requests come in bursts: draw once per frame.
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      update();
    });
  });
  update();
  return pane;
}

/** Sealed values on top of the pane, fields left empty at its end; otherwise the order of arrival. */
function rank({ kind, fields }) {
  if (kind === 'slot') return fields.encrypted_value ? -1 : kindsInOrder.length;
  return kindsInOrder.indexOf(kind);
}
