import { component } from "../shared/component";
import "./chat.css";

export default component(() => <section class="cfo-chat" aria-label="Conversation" />);
