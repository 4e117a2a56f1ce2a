import { render } from 'preact';
import { App } from './app.tsx';
import { findSession } from './state/session.ts';
import './style/tokens.css';
import './style/base.css';
import './style/frame.css';
import './style/plant.css';
import './style/tables.css';

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
void findSession();
