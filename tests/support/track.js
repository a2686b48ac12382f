// What a browser makes of WebVTT in a <track>: [milliseconds, milliseconds, text, speaker] for every cue.
(text) =>
  new Promise((resolve, reject) => {
    const track = document.createElement("track");
    track.src = URL.createObjectURL(new Blob([text], { type: "text/vtt" }));
    track.onerror = () => reject(new Error("the browser takes it for no WebVTT"));
    track.onload = () => {
      const cues = [...track.track.cues].map((cue) => {
        const shown = cue.getCueAsHTML();
        const times = [cue.startTime, cue.endTime].map((seconds) => Math.round(seconds * 1000));
        return [...times, shown.textContent, shown.querySelector("span[title]")?.title ?? ""];
      });
      video.remove();
      resolve(cues);
    };
    const video = document.createElement("video");
    video.append(track);
    document.body.append(video);
    track.track.mode = "hidden"; // it is loaded, and not shown
  })
