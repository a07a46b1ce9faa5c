// A thread without a message: what one can ask.
import { useTrait } from "../shared/component";

export function Empty({ say }: { say: ((text: string) => void) | undefined }) {
  const [examples] = useTrait<string[]>("examples");
  return (
    <div class="cfo-empty">
      <h3>What do you want to know?</h3>
      <p class="cfo-mute">Ask in your own words. Each figure comes with the query behind it.</p>
      {examples.length > 0 && (
        <ul aria-label="Example questions">
          {examples.map((example) => (
            <li>
              <button type="button" class="cfo-example" disabled={!say} onClick={() => say?.(example)}>{example}</button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
