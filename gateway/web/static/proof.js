// Looks for the number that, behind the ticket, has a SHA-256 that begins with so many zero bits.
"use strict";
const zeros = (octets) => {
  let bits = 0;
  for (const octet of octets) {
    if (octet) return bits + Math.clz32(octet) - 24;
    bits += 8;
  }
  return bits;
};
onmessage = async (event) => {
  const { ticket, bits } = event.data;
  const encoder = new TextEncoder();
  for (let proof = 0; ; proof++) {
    const digest = await crypto.subtle.digest("SHA-256", encoder.encode(`${ticket}.${proof}`));
    if (zeros(new Uint8Array(digest)) >= bits) return postMessage(String(proof));
  }
};
