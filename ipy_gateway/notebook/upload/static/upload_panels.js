// @ts-check
// Where files are dropped and chosen, and where a recording is made.

class DropPlace {
  /** @param {Session} session */
  constructor(session) {
    const { limits, recorder } = session;
    this.session = session;
    this.input = build("input", {
      type: "file",
      multiple: true,
      accept: limits.accept.join(),
      hidden: true,
      ariaLabel: "Files",
    });
    this.input.addEventListener("change", () => {
      session.add([...(this.input.files ?? [])]);
      this.input.value = ""; // the same file may be chosen again
    });
    this.choose = pushButton("Choose files…", () => this.input.click(), "ipg-primary");
    this.record = pushButton("Record", () => this.start(), "ipg-record");
    this.record.hidden = !takes(limits, "recording.wav", "audio/wav");
    this.missing = microphoneProblem();
    this.problem = build("p", { className: "ipg-quiet", id: `ipg-microphone-${randomId()}` });
    this.problem.setAttribute("role", "status");
    this.record.setAttribute("aria-describedby", this.problem.id);
    if (this.missing) this.record.ariaDisabled = "true"; // it can be reached, and says why
    const size = `Up to ${fileSize(limits.max_bytes)} each. ${limits.kinds[0].toUpperCase()}${limits.kinds.slice(1)}.`;
    this.element = build(
      "div",
      { className: "ipg-place" },
      build("p", { className: "ipg-invitation" }, "Drop or paste recordings here, or"),
      build("p", { className: "ipg-actions" }, this.choose, this.record),
      build("p", { className: "ipg-quiet" }, size),
      this.problem,
      this.input,
    );
    this.recorder = recorder;
  }

  start() {
    if (!this.missing) this.session.startRecording();
  }

  paint() {
    const problem = this.missing || this.recorder.problem;
    if (this.problem.textContent !== problem) this.problem.textContent = problem;
    this.problem.hidden = !problem;
  }
}

class RecordingPanel {
  /** @param {Session} session @param {HTMLButtonElement} record where the focus goes when all is over */
  constructor(session, record) {
    const { recorder } = session;
    this.session = session;
    this.recorder = recorder;
    this.record = record;
    /** @type {RecorderState} */
    this.shown = "off";
    this.time = build("span", { className: "ipg-time-so-far" });
    this.time.setAttribute("role", "timer");
    this.level = build("div", { className: "ipg-level-now" });
    this.meter = build(
      "div",
      {
        className: "ipg-level",
        role: "meter",
        ariaLabel: "Level of the microphone",
        ariaValueMin: "0",
        ariaValueMax: "100",
      },
      this.level,
    );
    this.devices = build("select", {});
    this.devices.addEventListener("change", () => recorder.change(this.devices.value));
    this.device = build("label", { className: "ipg-device" }, build("span", {}, "Microphone"), this.devices);
    this.pause = pushButton("Pause", () => recorder.togglePause());
    this.stop = pushButton("Stop", () => recorder.stop(), "ipg-primary");
    this.cancel = pushButton("Cancel", () => recorder.discard());
    this.problem = build("p", { className: "ipg-problem" });
    this.problem.setAttribute("role", "alert");
    this.running = build(
      "div",
      { className: "ipg-running" },
      build(
        "p",
        { className: "ipg-line" },
        build("span", { className: "ipg-dot", ariaHidden: "true" }),
        this.time,
        this.meter,
      ),
      this.device,
      build("p", { className: "ipg-actions" }, this.stop, this.pause, this.cancel),
      this.problem,
    );
    this.player = build("audio", { controls: true, ariaLabel: "Your recording" });
    this.send = pushButton(
      session.limits.is_automatic ? "Transcribe" : "Upload",
      () => session.sendRecording(),
      "ipg-primary",
    );
    this.again = pushButton("Record again", () => session.startRecording());
    this.discard = pushButton("Discard", () => recorder.discard());
    this.save = build("a", { className: "ipg-save" }, "Save as a file");
    this.recorded = build(
      "div",
      {},
      this.player,
      build("p", { className: "ipg-actions" }, this.send, this.again, this.discard, this.save),
    );
    this.element = build("div", { className: "ipg-recording-panel" }, this.running, this.recorded);
  }

  paint() {
    const { state, seconds, level, problem } = this.recorder;
    this.element.hidden = state === "off";
    this.running.hidden = state === "recorded";
    this.recorded.hidden = state !== "recorded";
    this.running.classList.toggle("ipg-paused", state !== "recording");
    const time =
      state === "starting"
        ? "Waiting for the microphone"
        : `${clockTime(seconds)}${state === "paused" ? ", paused" : ""}`;
    if (this.time.textContent !== time) this.time.textContent = time;
    this.level.style.transform = `scaleX(${level.toFixed(3)})`;
    this.meter.ariaValueNow = String(Math.round(100 * level));
    this.send.hidden = this.again.hidden = this.session.isGone;
    this.pause.textContent = state === "paused" ? "Go on" : "Pause";
    this.pause.disabled = this.stop.disabled = state === "starting";
    this.problem.textContent = problem;
    this.paintDevices();
    if (state !== this.shown) this.enter(state);
  }

  paintDevices() {
    const { devices, deviceId } = this.recorder;
    const names = devices.map(({ label }, index) => label || `Microphone ${index + 1}`);
    this.device.hidden = !devices.length;
    if (names.join("\n") !== [...this.devices.options].map(({ text }) => text).join("\n")) {
      this.devices.replaceChildren(...names.map((name, index) => new Option(name, devices[index].deviceId)));
    }
    if (this.devices.value !== deviceId) this.devices.value = deviceId;
  }

  /** The focus stays in the widget when what had it is hidden. @param {RecorderState} state */
  enter(state) {
    const from = this.shown;
    this.shown = state;
    const { file } = this.recorder;
    if (this.player.src) URL.revokeObjectURL(this.player.src);
    this.player.removeAttribute("src");
    if (file) {
      this.player.src = this.save.href = URL.createObjectURL(file);
      this.save.download = file.name;
    }
    const focus = {
      starting: this.cancel,
      recording: this.stop,
      paused: this.pause,
      recorded: this.send,
      off: this.record,
    }[state];
    const active = document.activeElement;
    if (from === "recording" && state === "paused") return; // the focus is on that button, or where somebody has put it
    if (from === "paused" && state === "recording") return;
    if (active === document.body || active?.closest(".ipg-upload")?.contains(focus))
      focus.focus({ preventScroll: true });
  }
}
