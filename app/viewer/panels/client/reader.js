// The field for the reader's name. The page knows it best: what Python has is only a name told earlier.

const fields = (globalThis[Symbol.for("retina-xai reader")] ??= new WeakSet());

export default function ({ data, parentElement, setStateValue }) {
  const input = parentElement.querySelector("input");
  const tell = () => setStateValue("name", reading.reader);
  if (!fields.has(input)) {
    fields.add(input);
    input.maxLength = data.longest;
    input.value = reading.reader;
    input.addEventListener("input", () => setReader(input.value));
    input.addEventListener("keydown", ({ key }) => key === "Enter" && input.blur());
  }
  input.onchange = tell;
  if (reading.reader !== data.name && parentElement.activeElement !== input) tell();
}
