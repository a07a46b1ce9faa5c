import { useTrait } from "../shared/component";

/** The opening shown by the conversation. Commands for its thread include it, because another may be open when they arrive. */
export function useOpenThread(): { opened?: string } {
  const [opened] = useTrait<string | undefined>("opened"); // undefined for a result in its own cell
  return opened === undefined ? {} : { opened };
}
