import { useTrait } from "../shared/component";

/** The opening that the conversation shows, to send with commands for its thread: another one may be open when they arrive. */
export function useOpenThread(): { opened?: string } {
  const [opened] = useTrait<string | undefined>("opened"); // a result in a cell of its own has none
  return opened === undefined ? {} : { opened };
}
