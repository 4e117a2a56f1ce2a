const c = String.raw;
export default [
  {
    id: 'limit-not-strict',
    file: 'condition.c',
    old: c`value > limit || (inclusive`,
    now: c`value >= limit || (inclusive`,
    hurts: 'an alarm at a limit that the value may reach',
  },
];
