import { component } from "../shared/component";
import { Chat } from "./chat";
import "./chat.css";
import "./reply.css";
import "./composer.css";

export default component(() => <Chat />);
