// The worker's whole script: the page sends orders, the trainer sends what there is to see.

import { unpackDigits } from "./digits.js";
import { makeTrainer } from "./trainer.js";
import DIGITS from "./digits.json";

const obey = makeTrainer(unpackDigits(DIGITS), (message) => postMessage(message));
onmessage = ({ data }) => obey(data);
