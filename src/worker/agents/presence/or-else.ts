/** What `read` gives, or the other where it throws: processes end while they are looked at. */
export function orElse<Value>(otherwise: Value, read: () => Value): Value {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
