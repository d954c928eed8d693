'use client';

import { useEffect } from 'react';
import { story } from '../common/story.js';
import { showIn } from '../common/tell.js';

export default function Page() {
  useEffect(() => {
    showIn(globalThis, story);
  }, []);
  return <p>A client component</p>;
}
