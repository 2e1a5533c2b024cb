// Lets a worker do the work that the page asks for, then sends the form. Without scripts the visitor waits instead.
"use strict";
const form = document.getElementById("proof");
const worker = new Worker(form.dataset.worker);
worker.onmessage = (event) => {
  form.elements.proof.value = event.data;
  form.submit();
};
worker.postMessage({ ticket: form.elements.ticket.value, bits: Number(form.dataset.bits) });
