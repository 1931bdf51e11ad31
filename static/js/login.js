// The panel's address carries the call behind '#', which no server sees: it is kept while the person logs in.
const form = document.querySelector("form");
if (form && location.hash) form.action = location.pathname + location.search + location.hash;
