// The worker's whole script: the page sends the digits, then orders; the trainer sends what there is to see.

import { unpackDigits } from "./digits.js";
import { makeTrainer } from "./trainer.js";

let obey = null;
onmessage = ({ data }) => {
  if (obey) obey(data);
  else obey = makeTrainer(unpackDigits(data.digits), (message) => postMessage(message));
};
