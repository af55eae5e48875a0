// The component that carries encoded pictures; it shows nothing.

const HEADER_LENGTH = 4;

/** [header, pictures] of one message: header length (uint32, little endian), JSON [[name, length]], the pictures. */
function unpacked(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = new TextDecoder().decode(bytes.subarray(HEADER_LENGTH, HEADER_LENGTH + length));
  const pictures = new Map();
  let start = HEADER_LENGTH + length;
  for (const [name, size] of JSON.parse(header)) {
    pictures.set(name, new Blob([bytes.subarray(start, start + size)]));
    start += size;
  }
  return [header, pictures];
}

export default function ({ data, key, parentElement }) {
  const [header, pictures] = unpacked(data);
  if (shared.slots.get(key)?.header !== header) keepPictures(key, header, pictures);
  return () => whenGone(parentElement, () => shared.slots.delete(key));
}
