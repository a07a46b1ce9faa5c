// Shows example questions in a thread without messages.
import { useTrait } from "../shared/component";

export function EmptyThread({ send }: { send: ((text: string) => void) | undefined }) {
  const [examples] = useTrait<string[]>("examples");
  return (
    <div class="cfo-empty">
      <h3>What would you like to know?</h3>
      <p class="cfo-mute">Ask in your own words. Every figure comes with the query behind it.</p>
      {examples.length > 0 && (
        <ul aria-label="Example questions">
          {examples.map((example) => (
            <li>
              <button type="button" class="cfo-example" disabled={!send} onClick={() => send?.(example)}>{example}</button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
