import { MARK } from './systemd-unit.ts';

/** An entry of the desktop's folder of programs that start with a login, as freedesktop.org defines it. */
export const desktopEntry = (words: readonly string[]): string => `${MARK}
[Desktop Entry]
Type=Application
Name=Boxswain
Comment=Sandboxes and coding agents for MCP clients
Exec=${words.map(desktopWord).join(' ')}
Terminal=false
X-GNOME-Autostart-enabled=true
`;

/** Quoted for `Exec`, and that once more as every text of such a file: a backslash is written as two there. */
const desktopWord = (word: string): string =>
  `"${word
    .replaceAll(/["`$\\]/g, '\\$&')
    .replaceAll('\\', '\\\\')
    .replaceAll('%', '%%')}"`;

/** The name under which launchd knows it. */
export const LABEL = 'boxswain.serve';

/** A property list of launchd: started at once, and again whenever it ends. */
export const launchdPlist = (
  words: readonly string[],
  { log }: { log: string },
): string => `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ${MARK.slice(2)} -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${LABEL}</string>
  <key>ProgramArguments</key>
  <array>
${words.map(word => `    <string>${escaped(word)}</string>`).join('\n')}
  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <key>ThrottleInterval</key>
  <integer>5</integer>
  <key>ExitTimeOut</key>
  <integer>60</integer>
  <key>Umask</key>
  <integer>63</integer>
  <key>StandardErrorPath</key>
  <string>${escaped(log)}</string>
</dict>
</plist>
`;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
