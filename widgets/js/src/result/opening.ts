import { useTrait } from "../shared/component";

/** What a conversation shows, to be sent with what is asked of its thread: another one may be opened meanwhile. */
export function useOpening(): { opened?: string } {
  const [opened] = useTrait<string | undefined>("opened"); // a result in a cell of its own has none
  return opened === undefined ? {} : { opened };
}
