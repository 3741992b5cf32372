//! A headless Chromium with a profile of its own, and the driver that is asked for it. Both end with their handle.

use std::fs;
use std::path::Path;
use std::process::Command;

use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::http::Ask;
use crate::support::process::Process;
use crate::support::wait::{eventually, eventually_blocking, settles};

/// What a browser of a test does not need, or must not do.
const SWITCHES: [&str; 13] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    // No name leads anywhere: whoever asks another host than this machine is not answered.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// An axe that is injected, and then asked for what is serious.
const AXE: &str = include_str!("vendor/axe.min.js");

pub(crate) struct Browser {
    client: Client,
    /// Where the session is asked for what the client has no word for.
    session: String,
    driver_address: String,
    _driver: Process,
    _chromium: Process,
    _folder: TempDir,
}

/// The browser under the name that it has here.
fn chromium() -> &'static str {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &&str| std::env::split_paths(&path).any(|folder| folder.join(name).exists());
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(is_there).expect("a Chromium is installed")
}

/// A program in the environment that it needs, and no other.
fn program(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(name);
    command.env_clear().env("HOME", folder).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("XDG_CONFIG_HOME", folder.join("config")).current_dir(folder);
    command
}

impl Browser {
    /// Starts one and opens the dashboard at the address.
    pub(crate) async fn open(address: &str) -> Self {
        let browser = Self::start().await;
        browser.goto(&format!("{address}/")).await;
        browser
    }

    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let profile = folder.path().join("profile");
        let mut command = program(chromium(), folder.path());
        command.args(SWITCHES).arg("--window-size=1440,1000").arg(format!("--user-data-dir={}", profile.display()));
        let chromium = Process::spawn(command, &folder.path().join("chromium.log"));
        let debugger = eventually_blocking("chromium listens", || {
            let port = fs::read_to_string(profile.join("DevToolsActivePort")).ok()?;
            port.lines().next().map(|port| format!("127.0.0.1:{port}"))
        });
        let mut command = program("chromedriver", folder.path());
        command.arg("--port=0");
        let driver = Process::spawn(command, &folder.path().join("driver.log"));
        let port = driver.line("ChromeDriver was started successfully on port ");
        let driver_address = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
        let capabilities = json!({
            "goog:chromeOptions": {"debuggerAddress": debugger}, "goog:loggingPrefs": {"browser": "ALL"},
        });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&driver_address)
            .await
            .expect("a session begins");
        let session = client.session_id().await.unwrap().expect("the session has an id");
        Self { client, session, driver_address, _driver: driver, _chromium: chromium, _folder: folder }
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub(crate) async fn reload(&self) {
        self.client.refresh().await.unwrap();
    }

    /// What a script returns.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{error} in {script}"))
    }

    /// The words of the first element, as they stand in the document; none where there is no such element or it is hidden.
    pub(crate) async fn text(&self, css: &str) -> Option<String> {
        let script = "const found = document.querySelector(arguments[0]);
            return found?.checkVisibility() ? found.textContent.trim().replace(/\\s+/g, ' ') : null;";
        let text = self.client.execute(script, vec![json!(css)]).await.unwrap();
        text.as_str().map(str::to_owned)
    }

    /// The words of every visible element.
    pub(crate) async fn texts(&self, css: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].filter((each) => each.checkVisibility())
            .map((each) => each.textContent.trim().replace(/\\s+/g, ' '));";
        let texts = self.client.execute(script, vec![json!(css)]).await.unwrap();
        texts.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    /// Waits until the element has these words.
    pub(crate) async fn shows(&self, css: &str, words: &str) {
        settles(Some(words.to_owned()), async || self.text(css).await).await;
    }

    /// Waits until the element has these words among others.
    pub(crate) async fn mentions(&self, css: &str, words: &str) {
        eventually(&format!("{css} mentions {words:?}"), async || {
            self.text(css).await.filter(|text| text.contains(words)).map(drop)
        })
        .await;
    }

    /// Waits until there is no such element to see.
    pub(crate) async fn hides(&self, css: &str) {
        settles(None, async || self.text(css).await).await;
    }

    /// Clicks the element, once it can be.
    pub(crate) async fn click(&self, css: &str) {
        self.click_on(Locator::Css(css), css).await;
    }

    /// Clicks the button with these words, once there is one that can be pressed.
    pub(crate) async fn press(&self, words: &str) {
        let path = format!(
            "//button[normalize-space()='{words}' and not(ancestor::*[@hidden]) and not(@hidden) and not(@disabled)]"
        );
        self.click_on(Locator::XPath(&path), words).await;
    }

    /// Elements come and go while figures change; what is gone is looked for again.
    async fn click_on(&self, locator: Locator<'_>, what: &str) {
        eventually(&format!("{what} can be clicked"), async || {
            let element = self.client.find(locator).await.ok()?;
            element.click().await.ok()
        })
        .await;
    }

    /// Types into the field.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.client.find(Locator::Css(css)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Chooses from a list.
    pub(crate) async fn choose(&self, css: &str, value: &str) {
        self.client.find(Locator::Css(css)).await.unwrap().select_by_value(value).await.unwrap();
    }

    /// Presses a key where the focus is.
    pub(crate) async fn key(&self, key: char) {
        let pressed: Result<(), CmdError> =
            async { self.client.active_element().await?.send_keys(&key.to_string()).await }.await;
        pressed.unwrap();
    }

    /// What the focus is on: its name for a screen reader, or its words.
    pub(crate) async fn focus(&self) -> String {
        let focus = "const on = document.activeElement;
            return on.getAttribute('aria-label') || on.labels?.[0]?.textContent || on.textContent.trim().slice(0, 60);";
        self.script(focus).await.as_str().unwrap().to_owned()
    }

    /// Another tab, with a session storage of its own.
    pub(crate) async fn open_tab(&self, url: &str) {
        let tab = self.client.new_window(true).await.unwrap();
        self.client.switch_to_window(tab.handle).await.unwrap();
        self.goto(url).await;
    }

    /// As if the screen had this size.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// As if the system had this theme, and its user wanted no motion: colours half way between two themes are nobody's.
    pub(crate) async fn prefer(&self, theme: &str) {
        let features = json!({"features": [
            {"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        self.ask("goog/cdp/execute", json!({"cmd": command, "params": parameters})).await;
    }

    async fn ask(&self, path: &str, body: Value) -> Value {
        let ask = Ask::post(&format!("/session/{}/{path}", self.session)).json(&body);
        let answer = ask.send(&self.driver_address).await.expect("the driver answers").expect(200);
        answer["value"].clone()
    }

    /// What the browser had to complain about since it was last asked.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.ask("se/log", json!({"type": "browser"})).await;
        log.as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Every address that the page has asked.
    pub(crate) async fn requests(&self) -> Vec<String> {
        let names = self.script("return performance.getEntriesByType('resource').map((entry) => entry.name);").await;
        names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    /// What axe finds serious or critical.
    pub(crate) async fn serious_findings(&self) -> Vec<String> {
        if self.script("return typeof axe").await == "undefined" {
            self.script(AXE).await;
        }
        let script = "const done = arguments[arguments.length - 1];
            axe.run(document, {resultTypes: ['violations']}).then(
              ({violations}) => done(violations.filter(({impact}) => impact === 'serious' || impact === 'critical')
                .flatMap(({id, nodes}) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`))),
              (error) => done([String(error)]));";
        let found = self.client.execute_async(script, Vec::new()).await.unwrap();
        found.as_array().unwrap().iter().map(|finding| finding.as_str().unwrap().to_owned()).collect()
    }

    /// The picture of what is to be seen, as a PNG.
    pub(crate) async fn screenshot(&self) -> Vec<u8> {
        self.client.screenshot().await.unwrap()
    }
}
