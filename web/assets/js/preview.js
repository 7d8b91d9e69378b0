// Runs before the banner in the frame of a preview. What the banner asks its server is
// answered here; the policy of the page lets nothing out, so that nothing is recorded.
(() => {
  const { document: shown, gpc } = JSON.parse(document.getElementById('preview').textContent);
  // The page around it tells what may run: sites.js.
  document.addEventListener('volenti:change', ({ detail }) => parent.postMessage({ phase: detail.phase, categories: detail.categories }, '*'));
  Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { configurable: true, get: () => gpc });
  const year = 365 * 24 * 60 * 60 * 1000;
  const recorded = ({ categories, source }) => {
    const now = Date.now();
    const answers = {};
    for (const { key, necessary } of shown.categories) {
      answers[key] = { granted: necessary || categories[key] === true, version: shown.version, expires_at: new Date(now + year).toISOString() };
    }
    return { id: '', sequence: 0, version: shown.version, digest: shown.digest, source, categories: answers, updated_at: new Date(now).toISOString(), expires_at: new Date(now + year).toISOString() };
  };
  window.fetch = (address, how = {}) => {
    let answer = shown;
    if (how.method === 'POST') answer = String(address).endsWith('/withdraw') ? { success: true } : { has_consent: true, consent: recorded(JSON.parse(how.body)) };
    return Promise.resolve(new Response(JSON.stringify(answer), { headers: { 'Content-Type': 'application/json' } }));
  };
})();
