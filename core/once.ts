// Facts about a whole that many small questions ask again: worked out once, so that n questions cost n steps.

/** As `make`, but a second question about the same object gets the first answer. */
export function oncePer<Key extends object, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const known = new WeakMap<Key, { readonly value: Value }>();
  return (key) => {
    const found = known.get(key) ?? { value: make(key) };
    known.set(key, found);
    return found.value;
  };
}
