/** The two services by bare `fetch`. */

export function services(url) {
  const tokens = {};
  const call = (service) => async (method, path, body) => {
    const headers = {};
    if (tokens[service] !== undefined) headers.Authorization = tokens[service];
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const reply = await fetch(`${url}/${service}${path}`, {
      method,
      headers,
      body: JSON.stringify(body),
      cache: 'no-store',
    });
    if (!reply.ok) throw new Error(`${method} /${service}${path}: ${reply.status} ${await reply.text()}`);
    return reply.status === 204 ? undefined : reply.json();
  };
  return { tokens, keystore: call('keystore'), vault: call('vault') };
}
