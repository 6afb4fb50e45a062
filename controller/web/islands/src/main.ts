// The console's islands. A page is complete without them; each adds what must be live or rich.
import "./shell";
import "./ask";
import "./when";
import "./confirm";
import "./palette";
import "./live";
import "./log";
import "./fresh";
import "./commands";
import "./chart";
import "./rows";
import "./trigger";
import "./replay";
import "./map";
import "./text";
import "./passkey";
